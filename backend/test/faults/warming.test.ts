// Warming by a process: `npm run warm`, and the server once it listens.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import { startEmbeddedPostgres } from "../../db/embedded-postgres.js";
import { migrate } from "../../db/migrate.js";
import { createPool } from "../../db/pool.js";
import { projectFile } from "../../project-root.js";
import {
  createMigratedDatabase,
  type RedisServer,
  startRedisServer,
  type TestDatabase,
} from "../../servers/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";
import { SECRET, TENANT_A, TENANT_B } from "../support/crm.js";
import { forkBackend } from "../support/forked-backend.js";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe("warming by a process", () => {
  let database: TestDatabase;
  let redis: RedisServer;
  const opened: TenantCache[] = [];

  beforeAll(async () => {
    [database, redis] = await Promise.all([createMigratedDatabase(), startRedisServer()]);
    const pool = createPool({ databaseUrl: database.url, onError: () => undefined });
    await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A'), ($2, 'B')", [TENANT_A, TENANT_B]);
    await pool.query("UPDATE tenants SET last_active_at = now() WHERE id = $1", [TENANT_A]);
    await pool.end();
  });
  afterAll(async () => {
    for (const cache of opened) await cache.close();
    await redis.stop();
    await database.drop();
  });

  /** A prefix of its own, and a look at what is below it. */
  async function freshPrefix() {
    const keyPrefix = `warm-test:${randomUUID()}:`;
    const options = { redis: redis.url, keyPrefix, tenant: () => undefined, logger: quiet };
    const cache = createTenantCache({ ...options, ...PATIENT });
    opened.push(cache);
    assert.ok(await cache.ready(READY_WITHIN_MS));
    const isWarm = (tenantId: string, key: string) => cache.manager.tenant(tenantId).exists(key);
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      JWT_SECRET: SECRET,
      DATABASE_URL: database.url,
      REDIS_CACHE_URL: redis.url,
      CACHE_KEY_PREFIX: keyPrefix,
      // Far above what a busy machine takes.
      CACHE_BUDGET_MS: "5000",
    };
    return { env, isWarm };
  }

  function warm(env: NodeJS.ProcessEnv, ...args: string[]): Promise<Outcome> {
    return promisify(execFile)(process.execPath, [projectFile("dist/scripts/warm.js"), ...args], {
      env,
    }).then(
      (output) => ({ code: 0, ...output }),
      (error: Outcome) => error,
    );
  }

  test("npm run warm: the plans and tenants that were named", async () => {
    const { env, isWarm } = await freshPrefix();
    const some = await warm(env, "users", "--tenant", TENANT_A);
    assert.deepEqual([some.code, some.stdout, some.stderr], [0, "users: 2 warmed, 0 failed\n", ""]);
    assert.equal(await isWarm(TENANT_A, "users:all-users"), true);
    assert.equal(await isWarm(TENANT_A, "reports:dashboard"), false);
    assert.equal(await isWarm(TENANT_B, "users:all-users"), false);
    const all = await warm(env);
    assert.match(
      all.stdout,
      /^users: 4 warmed, 0 failed\nschedules: 4 .*\nreports: \d+ warmed, 0 failed\naccounts: 2 warmed, 0 failed\n/,
    );
    for (const tenantId of [TENANT_A, TENANT_B]) assert.ok(await isWarm(tenantId, "reports:dashboard"));
  });

  test("npm run warm: what is wrong is said, with another exit code", async () => {
    const { env } = await freshPrefix();
    const unknown = await warm(env, "everything");
    assert.deepEqual([unknown.code, unknown.stdout], [1, ""]);
    assert.match(unknown.stderr, /users, schedules, reports, accounts/);
    const nowhere = await warm({ ...env, REDIS_CACHE_URL: "redis://127.0.0.1:1" });
    assert.match(nowhere.stderr, /the Redis of REDIS_CACHE_URL does not answer/);
    const noDatabase = await warm({ ...env, DATABASE_URL: "postgres://crm:hunter2@127.0.0.1:1/crm" });
    assert.equal(noDatabase.code, 1);
    assert.match(noDatabase.stdout, /users: 0 warmed, 0 failed \(.*ECONNREFUSED/);
  });

  test("npm run warm: without DATABASE_URL, from the database that npm start runs", async () => {
    const { env, isWarm } = await freshPrefix();
    const folder = mkdtempSync(path.join(tmpdir(), "warm-start-"));
    const { DATABASE_URL: _given, ...without } = env;
    const none = await warm(without, "users", "--data", folder);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /DATABASE_URL is not set, and no `npm start` runs/);
    const postgres = await startEmbeddedPostgres({ folder, durable: false, log: () => undefined });
    try {
      await migrate(postgres.url, () => undefined);
      const pool = createPool({ databaseUrl: postgres.url, onError: () => undefined });
      await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'B')", [TENANT_B]);
      await pool.end();
      const some = await warm(without, "users", "--data", folder);
      assert.deepEqual([some.code, some.stdout, some.stderr], [0, "users: 2 warmed, 0 failed\n", ""]);
      assert.equal(await isWarm(TENANT_B, "users:all-users"), true);
    } finally {
      await postgres.stop();
      rmSync(folder, { recursive: true, force: true });
      rmSync(postgres.folder, { recursive: true, force: true });
    }
  });

  test("the server warms once the store is there, however late that is", async () => {
    const { env, isWarm } = await freshPrefix();
    const late = await startRedisServer();
    await late.kill();
    const backend = forkBackend({ ...env, REDIS_CACHE_URL: late.url, PORT: "0", LOG_LEVEL: "debug" });
    try {
      await backend.logged("it begins when that is in use");
      await late.restart();
      await backend.logged("warming reports");
      assert.match(backend.output.text, /warming users: 4 warm/);
      assert.equal(await isWarm(TENANT_A, "users:all-users"), false, "it is in the late one");
    } finally {
      await backend.kill();
      await late.stop();
    }
  });

  test("the server warms all tenants once it listens", async () => {
    const { env, isWarm } = await freshPrefix();
    const backend = forkBackend({ ...env, PORT: "0", LOG_LEVEL: "debug" });
    try {
      await backend.logged("warming reports");
      const log = backend.output.text;
      assert.ok(log.indexOf("listening on") < log.indexOf("warming users: 4 warm"), log);
      for (const tenantId of [TENANT_A, TENANT_B]) assert.ok(await isWarm(tenantId, "reports:dashboard"));
    } finally {
      await backend.kill();
    }
  });
});
