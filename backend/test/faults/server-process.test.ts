// The server as a process: start, refusals to start, draining, and the death of its parent.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { createServer } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Client } from "pg";
import { KEEP_ALIVE_MS, listen } from "../../http/http-server.js";
import { afterTest } from "../../servers/in-test.js";
import { createTestDatabase, startRedisServer, type TestDatabase } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { issueToken } from "../../services/tokens.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import { type BackendProcess, forkBackend, refusedStart } from "../support/forked-backend.js";
import { lockTable } from "../support/row-lock.js";

const children: BackendProcess[] = [];
/** Warming reads the same tables: where requests are held up by a lock, it would be taken for them. */
const COLD = { CACHE_WARM_ON_START: "false" };

function start(env: Record<string, string>): BackendProcess {
  const started = forkBackend({ PATH: process.env.PATH, NODE_ENV: "test", ...env });
  children.push(started);
  return started;
}

interface RequestOptions {
  readonly agent?: Agent;
  readonly headers?: Record<string, string>;
}

async function exchange(
  url: string,
  options: RequestOptions = {},
): Promise<{ readonly status: number; readonly connection: string | undefined }> {
  const request = get(url, options);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return { status: response.statusCode ?? 0, connection: response.headers.connection };
}

async function status(url: string, options?: RequestOptions): Promise<number> {
  return (await exchange(url, options)).status;
}

describe("server process", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    await Promise.all(children.map((each) => each.kill()));
    await database.drop();
  });

  const env = () => ({
    DATABASE_URL: database.url,
    PORT: "0",
    JWT_SECRET: SECRET,
    SHUTDOWN_DELAY_MS: "0",
    SHUTDOWN_GRACE_MS: "5000",
  });

  async function listening(overrides: Record<string, string> = {}) {
    const started = start({ ...env(), ...overrides });
    return { ...started, url: `${await started.listening()}/api/system/health` };
  }

  test("migrates, tells its parent the port, serves, and ends on SIGTERM with 0", async () => {
    const { child, output, ended, url } = await listening();
    assert.match(output.text, /migrated: 0001_tenants/);
    const ready = await fetch(`${url}/ready`);
    assert.equal(ready.status, 200);
    assert.equal(
      ready.headers.get("keep-alive"),
      `timeout=${KEEP_ALIVE_MS / 1000}`,
      "proxies end idle connections first",
    );
    await ready.body?.cancel();
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    assert.match(output.text, /"msg":"stopped"/);
  });

  /** The lines of its log, from the migrations to the one that it listens. */
  async function startLog(overrides: Record<string, string>): Promise<string[]> {
    const { child, output, ended, logged } = await listening(overrides);
    await logged("listening on");
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    const lines = output.text.trim().split("\n");
    return lines.map((line) => String(JSON.parse(line).msg)).filter((line) => /^[a-z-]+: /.test(line));
  }

  test("says what it runs on: without Redis, that its cache is for one process", async () => {
    const lines = await startLog({ CACHE_WARM_ON_START: "false", CACHE_MEMORY_BYTES: "1572864" });
    const { host, pathname } = new URL(database.url);
    assert.deepEqual(lines.slice(-5), [
      `database: ${host}${pathname}, at most 10 connections`,
      "cache: this process's memory, at most 1.5 MiB, for one process alone: where there are several, set REDIS_CACHE_URL",
      "state: none (REDIS_URL is not set): nobody can log in, no token can be revoked, and each process counts requests for itself",
      "metrics: /metrics, for this machine alone (METRICS_TOKEN is not set)",
      "warm-up: none (CACHE_WARM_ON_START=false)",
    ]);
  });

  test("says what it runs on: which Redis for what, and whether the cache's is in use, without passwords", async () => {
    const PASSWORD = "hunter2-of-redis";
    const server = await startRedisServer({
      args: ["--requirepass", PASSWORD, "--maxmemory-policy", "noeviction"],
    });
    afterTest(() => server.stop());
    const { hostname, port } = new URL(server.url);
    const REDIS_HOST = { REDIS_HOST: hostname, REDIS_PORT: port, REDIS_PASSWORD: PASSWORD };
    const own = `redis://:${PASSWORD}@${hostname}:${port}`;
    // The start waits a second for the cache: on a busy machine it may say that it is not there yet.
    let lines: string[] = [];
    await until("a start that has the cache in time", async () => {
      lines = await startLog({ ...REDIS_HOST, REDIS_CACHE_URL: own, CACHE_BUDGET_MS: "10000" });
      assert.match(lines.at(-4) ?? "", /^cache: Redis, \S+; circuit (?:closed|(?:half-)?open \(.+\))$/);
      return lines.at(-4)?.endsWith("; circuit closed") === true;
    });
    assert.deepEqual(lines.slice(-4), [
      `cache: Redis, ${hostname}:${port}; circuit closed`,
      `state: Redis, ${hostname}:${port}`,
      "metrics: /metrics, for this machine alone (METRICS_TOKEN is not set)",
      "warm-up: behind the start, and by one process after each midnight",
    ]);
    const away = await startLog({ ...REDIS_HOST, REDIS_CACHE_URL: `redis://:${PASSWORD}@127.0.0.1:1` });
    assert.match(away.at(-4) ?? "", /^cache: Redis, 127\.0\.0\.1:1; circuit (half-)?open \(.+\)$/);
    for (const line of [...lines, ...away]) assert.ok(!line.includes(PASSWORD), line);
  });

  /** Whose lists are asked for: who has no tenant is refused before a table is read. */
  async function addTenant(): Promise<void> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    await client.query("INSERT INTO tenants (id, name) VALUES ($1, 'A') ON CONFLICT DO NOTHING", [TENANT_A]);
    await client.end();
  }

  test("draining: a request in flight is finished, an idle connection does not hold it up, new ones are refused", async () => {
    // So long that nothing is cut off.
    const { child, ended, url } = await listening({ SHUTDOWN_GRACE_MS: "600000", ...COLD });
    await addTenant();
    const agent = new Agent({ keepAlive: true });
    assert.equal(await status(`${url}/ready`, { agent }), 200);
    const lock = await lockTable(database.url, "accounts");
    const list = listAccounts(url, agent);
    await lock.awaitedBy(1);

    child.kill("SIGTERM");
    await refusesConnections(url);
    assert.equal(child.exitCode, null);
    await lock.release();
    assert.equal(await list, 200);
    const answeredAtMs = performance.now();
    assert.equal(await ended, 0);
    // Before an idle connection ends by itself.
    assert.ok(performance.now() - answeredAtMs < KEEP_ALIVE_MS);
    agent.destroy();
  });

  test("SIGTERM: readiness says 503 while everything else is still answered, so that a proxy can notice; a second one ends that", async () => {
    const { child, output, ended, url, logged } = await listening({ SHUTDOWN_DELAY_MS: "600000" });
    await addTenant();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.deepEqual(await exchange(`${url}/live`, { agent }), { status: 200, connection: "keep-alive" });
    child.kill("SIGTERM");
    await logged("SIGTERM: not ready, listening for 600000 ms more");
    assert.equal(await status(`${url}/ready`, { agent: new Agent() }), 503);
    // Who has kept a connection is answered on it, and told that it ends.
    assert.deepEqual(await exchange(`${url}/live`, { agent }), { status: 200, connection: "close" });
    assert.deepEqual(await exchange(`${url}/live`), { status: 200, connection: "close" });
    assert.equal(await listAccounts(url), 200);
    agent.destroy();
    // Who does not want to wait says so.
    child.kill("SIGTERM");
    assert.equal(await ended, 0);
    assert.match(output.text, /"msg":"stopped"/);
  });

  test("SIGTERM: stops listening after the delay; SIGINT waits for nobody", async () => {
    const noticed = await listening({ SHUTDOWN_DELAY_MS: "1" });
    noticed.child.kill("SIGTERM");
    assert.equal(await noticed.ended, 0);
    const interrupted = await listening({ SHUTDOWN_DELAY_MS: "600000" });
    interrupted.child.kill("SIGINT");
    assert.equal(await interrupted.ended, 0);
    assert.match(interrupted.output.text, /"SIGINT: draining for at most 5000 ms"/);
  });

  test("a request that outlasts the grace period does not keep the process alive", async () => {
    const { child, ended, url } = await listening({ SHUTDOWN_GRACE_MS: "200", ...COLD });
    await addTenant();
    const lock = await lockTable(database.url, "accounts");
    const outcome = listAccounts(url).then(
      (answered) => `answered ${answered}`,
      ({ code }) => code,
    );
    await lock.awaitedBy(1);
    child.kill("SIGTERM");
    assert.equal(await outcome, "ECONNRESET");
    await lock.release();
    assert.equal(await ended, 0);
  });

  test("stops when its parent is gone", async () => {
    const { child, output, ended } = await listening();
    child.disconnect();
    assert.equal(await ended, 0);
    assert.match(output.text, /the parent process is gone/);
  });

  test("a port in use is one line and exit code 1", async () => {
    const blocker = createServer();
    const { port } = await listen(blocker, 0, "127.0.0.1");
    const { output, ended } = start({ ...env(), PORT: String(port) });
    assert.equal(await ended, 1);
    assert.equal(output.text, `cannot start: port ${port} is in use: stop what listens there, or set PORT\n`);
    blocker.close();
  });

  test("a database that is not there is one line and exit code 1", async () => {
    const { output, ended } = start({ ...env(), DATABASE_URL: "postgres://crm:hunter2@127.0.0.1:1/crm" });
    assert.equal(await ended, 1);
    assert.equal(output.text, "cannot start: nothing answers at DATABASE_URL\n");
  });

  test("with a persistent Redis: schedules its warm-ups there, and stops", async () => {
    const redis = await startRedisServer({ args: ["--maxmemory-policy", "noeviction"] });
    const client = new Redis(redis.url);
    try {
      const { child, ended } = await listening({ REDIS_URL: redis.url, CACHE_KEY_PREFIX: "own:" });
      while ((await client.keys("own:state:queue:warming:repeat*")).length === 0);
      child.kill("SIGTERM");
      assert.equal(await ended, 0);
    } finally {
      client.disconnect();
      await redis.stop();
    }
  });

  test("a persistent Redis that evicts keys is one line and exit code 1", async () => {
    const redis = await startRedisServer({
      args: ["--maxmemory", "64mb", "--maxmemory-policy", "volatile-lru"],
    });
    try {
      assert.match(
        await refusedStart({ PATH: process.env.PATH, NODE_ENV: "test", ...env(), REDIS_URL: redis.url }),
        /^cannot start: the Redis of REDIS_URL evicts keys \(maxmemory-policy volatile-lru\)/m,
      );
    } finally {
      await redis.stop();
    }
  });

  test("production without a secret, and other mistakes, are listed", async () => {
    const { output, ended } = start({ NODE_ENV: "production", PORT: "none" });
    assert.equal(await ended, 1);
    const lines = output.text.trim().split("\n");
    assert.deepEqual(
      lines
        .map((line) => line.trim().split(":", 1)[0])
        .slice(1)
        .sort(),
      ["DATABASE_URL", "JWT_SECRET", "PORT"],
    );
  });
});

async function listAccounts(healthUrl: string, agent = new Agent()): Promise<number> {
  const token = await issueToken({ secret: SECRET, subject: "s", role: "viewer", tenantId: TENANT_A });
  const url = healthUrl.replace("system/health", "accounts");
  return await status(url, { agent, headers: { authorization: `Bearer ${token}` } });
}

async function refusesConnections(url: string): Promise<void> {
  for (;;) {
    try {
      await status(url, { agent: new Agent() });
    } catch (error) {
      assert.match(String(error), /ECONNREFUSED|ECONNRESET|socket hang up/);
      return;
    }
  }
}
