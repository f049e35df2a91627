// `npm run test-cache` against the real backend, and against backends whose cache does not do what it says.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { CacheMonitor, createTenantCache, type TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import { pino } from "pino";
import type { Report } from "../../../scripts/test-cache/cache-report.js";
import type { Check } from "../../../scripts/test-cache/check.js";
import { MODULE_PROBES } from "../../../scripts/test-cache/module-probe.js";
import { createApp } from "../../app.js";
import { findFreePort } from "../../db/free-port.js";
import { createPool } from "../../db/pool.js";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Role } from "../../http/identity/auth.js";
import { Authenticator } from "../../http/identity/authenticator.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { projectFile } from "../../project-root.js";
import { DEMO_TENANTS, seedDemoData } from "../../seed/index.js";
import { createMigratedDatabase, type TestDatabase } from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { quiet } from "../support/caches.js";

const SECRET = randomBytes(32).toString("hex");
const MODULES = MODULE_PROBES.map(({ name }) => name);
/** Their changes are told to the views, which count what they drop, and reach their lists by a tag. */
const TOLD_BY_VIEWS = ["tasks"];
const [tenant, neighbour] = DEMO_TENANTS.map(({ id }) => id);
const pass: RequestHandler = (_req, _res, next) => next();

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createMigratedDatabase();
  await seedDemoData(database.url, { scale: 0.01 });
  pool = createPool({ databaseUrl: database.url, onError: () => undefined });
});

afterAll(async () => {
  await pool.end();
  await database.drop();
});

describe("a cache that does what it says", () => {
  test("passes on a server that the script starts itself, and stops", async () => {
    const { code, stdout, stderr } = await runScript(["--requests", "5", "--json"]);
    assert.equal(code, 0, stderr);
    const report = JSON.parse(stdout) as Report;
    assert.deepEqual(
      report.modules.map(({ module }) => module),
      MODULES,
    );
    assert.deepEqual(checksOf(report, "failed"), []);
    assert.deepEqual(checksOf(report, "not checked"), []);
    for (const { measurement } of report.modules) {
      for (const { medianMs, p95Ms } of [measurement.uncached, measurement.first, measurement.cached]) {
        assert.ok(medianMs > 0 && p95Ms >= medianMs);
      }
      assert.equal(measurement.speedUp, measurement.uncached.medianMs / measurement.cached.medianMs);
    }
    await assert.rejects(fetch(`${report.url}/api/system/health/live`));
  });

  test("passes on a running server, whose other tenant is found with DATABASE_URL and signed for with JWT_SECRET", async () => {
    const { code, stdout } = await probe({ env: { JWT_SECRET: SECRET, DATABASE_URL: database.url } });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /accounts .*median ms .*p95 ms .*speed-up/);
    assert.match(stdout, /\n99 ok, 0 failed\n$/);
  });

  test("says what it could not check, and what it needs for that", async () => {
    const { code, stdout } = await probe({ role: "member" });
    assert.equal(code, 0, stdout);
    assert.match(stdout, /not checked another tenant's entry survives: pass --other-token/);
    assert.match(stdout, /not checked cache-stats moved accordingly: the token needs the role admin/);
    assert.match(stdout, /\n77 ok, 0 failed, 22 not checked\n$/);
  });
});

describe("a cache that does not", () => {
  test("never invalidates: reads after changes are stale", async () => {
    const outcome = await probe({
      other: true,
      sabotage: { invalidateCache: () => pass, invalidateTags: async () => true },
    });
    assertFails(outcome, [
      "the read after POST is fresh: it is a hit; the new record is missing",
      "the read after DELETE is fresh: it is a hit",
    ]);
    const uncounted = "cache-stats moved accordingly: invalidations moved by 0, not by 2 or more";
    assertFails(outcome, [uncounted], MODULES.length - TOLD_BY_VIEWS.length);
  });

  test("invalidates every tenant: the other's entry is gone", async () => {
    const outcome = await probe({
      other: true,
      sabotage: (cache) => ({
        invalidateCache: (...modules: unknown[]) => {
          const own = cache.invalidateCache(...(modules as string[]));
          return async (req, res, next) => {
            await cache.invalidateAllTenant(neighbour ?? "");
            own(req, res, next);
          };
        },
        invalidateTags: async (tenantId, ...tags) => {
          await cache.invalidateAllTenant(neighbour ?? "");
          return await cache.invalidateTags(tenantId, ...tags);
        },
      }),
    });
    assertFails(outcome, [
      "another tenant's entry survives: " +
        'after POST its read was "fwd=miss; stored"; after DELETE its read was "fwd=miss; stored"',
    ]);
  });

  test("never stores", async () => {
    const outcome = await probe({ other: true, sabotage: { cacheList: () => pass } });
    assertFails(outcome, [
      'requests that ask for no stored answer bypass: 3 of 3 were not "fwd=bypass; detail=range" but "no Cache-Status"',
      'first requests are misses and stored: 3 of 3 were not "fwd=miss; stored" but "no Cache-Status"',
      'repeated requests are hits: 3 of 3 were not "hit" but "no Cache-Status"',
    ]);
  });

  test("counts nothing", async () => {
    const outcome = await probe({
      other: true,
      sabotage: (cache) => ({ stats: async () => ({ ...(await cache.stats()), modules: {} }) }),
    });
    assertFails(outcome, ["cache-stats moved accordingly: hits moved by 0, not by"]);
  });
});

describe("a test that cannot be run is told in one line", () => {
  const cases = [
    ["no --token", ["--url", "http://127.0.0.1:1"], /^--url needs a --token/],
    ["a --token without --url", ["--token", "x"], /pass its --url too$/],
    ["no request at all", ["--requests", "0"], /It must be a whole number from 1 to 1000\.$/],
    ["no URL", ["--url", "localhost:4001", "--token", "x"], /^--url localhost:4001 is no URL of a server/],
  ] as const;
  for (const [name, args, message] of cases) {
    test(name, async () => assertNotRun(await runScript(args), message));
  }

  test("nothing listens", async () => {
    const url = `http://127.0.0.1:${await findFreePort()}`;
    assertNotRun(await runScript(["--url", url, "--token", "x"]), /no answer \(connect ECONNREFUSED .*\)$/);
  });

  test("the token is not accepted", async () => {
    assertNotRun(await probe({ token: "x" }), /was answered 401: The token is not valid\.$/);
  });

  test("the token may not write", async () => {
    assertNotRun(await probe({ role: "viewer" }), /^POST .* was answered 403: This needs the role member\.$/);
  });

  test("lists fail after the first change; the record is deleted all the same", async () => {
    let changed = false;
    const outcome = await probe({
      sabotage: (cache) => ({
        cacheList: (...args) => {
          const list = cache.cacheList(...args);
          return (req, res, next) => (changed ? next(new Error("broken")) : list(req, res, next));
        },
        invalidateCache: () => (req, _res, next) => {
          if (req.method === "POST") changed = true;
          next();
        },
      }),
    });
    assertNotRun(outcome, /^GET .* was answered 500/);
  });

  test("the other token is of the same tenant", async () => {
    const args = ["--other-token", await tokenOf(tenant, "viewer")];
    assertNotRun(await probe({ args }), /^--other-token is of the same tenant as --token/);
  });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

interface ProbeOptions {
  /** Replaces parts of the cache that the backend uses. */
  readonly sabotage?: Partial<TenantCache> | ((cache: TenantCache) => Partial<TenantCache>);
  /** Of the token. Default: admin. */
  readonly role?: Role;
  readonly token?: string;
  /** Whether to pass a token of another tenant. */
  readonly other?: boolean;
  readonly args?: readonly string[];
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs the script against a backend in this process, and sees that no record is left behind. */
async function probe(options: ProbeOptions): Promise<Outcome> {
  const { sabotage = {}, role = "admin", other = false, args = [], env = {} } = options;
  const cache = createTenantCache({ tenant: (req) => req.auth?.tenantId, logger: quiet });
  const app = createApp({
    pool,
    monitor: new CacheMonitor(cache),
    cache: { ...cache, ...(typeof sabotage === "function" ? sabotage(cache) : sabotage) },
    logger: pino({ level: "silent" }),
    lifecycle: { draining: false },
    authenticator: new Authenticator({ verify: createTokenVerifier({ secret: SECRET }) }),
    ttlSeconds: { list: 180, count: 60, detail: 300 },
    rateLimit: { max: 0, windowSeconds: 60 },
  });
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  try {
    const token = options.token ?? (await tokenOf(tenant, role));
    const otherArgs = other ? ["--other-token", await tokenOf(neighbour, "viewer")] : [];
    const target = ["--url", `http://127.0.0.1:${address.port}`, "--token", token, "--requests", "3"];
    const outcome = await runScript([...target, ...otherArgs, ...args], env);
    assert.deepEqual(await recordsLeft(), []);
    return outcome;
  } finally {
    server.closeAllConnections();
    server.close();
    await cache.close();
  }
}

async function recordsLeft(): Promise<unknown[]> {
  const selects = MODULES.map((name) => `SELECT id FROM ${name} WHERE search_text LIKE '%test-cache %'`);
  assert.ok(tenant !== undefined);
  const { rows } = await withTenant(pool, tenant, (client) => client.query(selects.join(" UNION ALL ")));
  return rows;
}

async function runScript(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  const script = spawn(
    process.execPath,
    ["--enable-source-maps", projectFile("dist/scripts/test-cache.js"), ...args],
    {
      env: { ...process.env, JWT_SECRET: "", DATABASE_URL: "", REDIS_CACHE_URL: "", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const [stdout, stderr, [code]] = await Promise.all([
    text(script.stdout),
    text(script.stderr),
    once(script, "exit") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

function tokenOf(tenantId: string | undefined, role: Role): Promise<string> {
  assert.ok(tenantId !== undefined);
  return issueToken({ secret: SECRET, subject: "tester", tenantId, role });
}

function checksOf(report: Report, result: Check["result"]): Check[] {
  return report.modules.flatMap(({ checks }) => checks.filter((check) => check.result === result));
}

/** Each of the lines begins a failed check of so many modules. */
function assertFails({ code, stdout }: Outcome, lines: readonly string[], modules = MODULES.length): void {
  assert.equal(code, 1, stdout);
  for (const line of lines) {
    const found = stdout.split("\n").filter((each) =>
      each
        .trim()
        .replace(/^FAILED +/, "FAILED ")
        .startsWith(`FAILED ${line}`),
    );
    assert.equal(found.length, modules, `${line}\n${stdout}`);
  }
}

function assertNotRun({ code, stdout, stderr }: Outcome, message: RegExp): void {
  assert.equal(code, 2, stdout);
  assert.equal(stdout, "");
  assert.match(stderr.trimEnd(), message);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
}
