// Encryption of entries, switched on and rotated by restarts of the server, as an operator does it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { startBackendProcess } from "../../../scripts/backend-process.js";
import { projectFile } from "../../project-root.js";
import {
  createMigratedDatabase,
  type RedisServer,
  startRedisServer,
  type TestDatabase,
} from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import { patientPool } from "../support/patient.js";

const NAME = "Brightwater Logistics";
const key = (id: string) => `${id}:${randomBytes(32).toString("base64")}`;
const [FIRST, SECOND] = [key("first"), key("second")];

describe("the keys of encryption", () => {
  const keyPrefix = `rotation:${randomUUID()}:`;
  let database: TestDatabase;
  let redis: RedisServer;
  let admin: Redis;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    [database, redis] = await Promise.all([createMigratedDatabase(), startRedisServer()]);
    admin = new Redis(redis.url);
    const pool = patientPool(database.url);
    await pool.query("INSERT INTO tenants (id, name) VALUES ($1, 'A')", [TENANT_A]);
    await pool.query("INSERT INTO accounts (tenant_id, name, type) VALUES ($1, $2, 'prospect')", [
      TENANT_A,
      NAME,
    ]);
    await pool.query(
      "INSERT INTO users (tenant_id, email, name, role) VALUES ($1, 'ada@a.example', $2, 'viewer')",
      [TENANT_A, NAME],
    );
    await pool.end();
    env = {
      PATH: process.env.PATH,
      NODE_ENV: "test",
      PORT: "0",
      LOG_LEVEL: "silent",
      DATABASE_URL: database.url,
      JWT_SECRET: SECRET,
      REDIS_CACHE_URL: redis.url,
      CACHE_KEY_PREFIX: keyPrefix,
      CACHE_WARM_ON_START: "false",
      // What is a miss is so because of the keys, however long restarts take.
      CACHE_TTL_LIST_SECONDS: "86400",
      // Far above what a busy machine takes.
      CACHE_BUDGET_MS: "5000",
    };
  });
  afterAll(async () => {
    admin?.disconnect();
    await redis?.stop();
    await database?.drop();
  });

  /** What a server with these keys says about a list and about a view, each asked for once: hit, or not. */
  async function answersWith(keys: string): Promise<{ list: string; view: string }> {
    const backend = await startBackendProcess({
      env: { ...env, CACHE_ENCRYPTION_KEYS: keys },
      log: "stderr",
    });
    try {
      const token = await issueToken({ secret: SECRET, subject: "s", role: "admin", tenantId: TENANT_A });
      const ask = (path: string) =>
        fetch(`http://127.0.0.1:${backend.port}/api${path}`, {
          headers: { authorization: `Bearer ${token}` },
        });
      const isConnected = async () => {
        const health = (await (await ask("/system/health")).json()) as {
          checks: { cache: { connected: boolean } };
        };
        return health.checks.cache.connected;
      };
      while (!(await isConnected())) await new Promise(setImmediate);
      const list = await ask("/accounts");
      assert.match(await list.text(), new RegExp(NAME));
      assert.match(await (await ask("/users")).text(), new RegExp(NAME));
      const metrics = (await (await ask("/cache/metrics")).json()) as {
        views: { key: string; loads: number }[];
      };
      const loads = metrics.views.find(({ key: pattern }) => pattern === "users:all-users")?.loads;
      return {
        list: /; hit;/.test(list.headers.get("cache-status") ?? "") ? "hit" : "miss",
        view: loads === 0 ? "hit" : "miss",
      };
    } finally {
      await backend.stop();
    }
  }

  const HIT = { list: "hit", view: "hit" };
  const MISS = { list: "miss", view: "miss" };

  /** Every value below the prefix, as text. */
  async function stored(): Promise<string> {
    const keys = await admin.keys(`${keyPrefix}tenant:*`);
    const values = await Promise.all(
      keys.map(async (name) =>
        (await admin.type(name)) === "string"
          ? ((await admin.getBuffer(name))?.toString("latin1") ?? "")
          : "",
      ),
    );
    return values.join("\n");
  }

  test("without a key, entries are there to be read", async () => {
    assert.deepEqual(await answersWith(""), MISS);
    assert.deepEqual(await answersWith(""), HIT);
    assert.match(await stored(), new RegExp(NAME));
  });

  test("switched on: what was stored before is not believed, and nothing can be read any more", async () => {
    assert.deepEqual(await answersWith(FIRST), MISS);
    assert.deepEqual(await answersWith(FIRST), HIT);
    assert.doesNotMatch(await stored(), new RegExp(NAME));
  });

  test("a new key in front: what the old one has sealed still is a hit", async () => {
    assert.deepEqual(await answersWith(`${SECOND},${FIRST}`), HIT);
  });

  test("the old key dropped: what it has sealed is a miss, and then what the new one has sealed is a hit", async () => {
    assert.deepEqual(await answersWith(SECOND), MISS);
    assert.deepEqual(await answersWith(SECOND), HIT);
    assert.deepEqual(await answersWith(`${FIRST},${SECOND}`), HIT);
    assert.doesNotMatch(await stored(), new RegExp(NAME));
  });

  test("npm run warm seals with the same keys", async () => {
    await admin.flushall();
    const run = promisify(execFile);
    await run(process.execPath, [projectFile("dist/scripts/warm.js"), "users"], {
      env: { ...env, CACHE_ENCRYPTION_KEYS: SECOND },
    });
    assert.doesNotMatch(await stored(), new RegExp(NAME));
    assert.deepEqual(await answersWith(SECOND), { list: "miss", view: "hit" });
  });

  test("a key that is none stops the start", async () => {
    const start = startBackendProcess({
      env: { ...env, CACHE_ENCRYPTION_KEYS: "first:c2hvcnQ=" },
      log: "stderr",
    });
    await assert.rejects(start, /exit code 1/);
  });
});
