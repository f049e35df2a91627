// Fills that end where the store cannot be told, or that the store never takes: nobody waits for a handler that has ended.
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer, startTcpProxy } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { openCache } from "../support/caches.js";
import { serve } from "../support/http-app.js";

/** Leases live as long as anybody would wait: whoever waited for one would not answer while a test runs. */
const PATIENCE_MS = 600_000;
const SETTLES_WITHIN_MS = 60_000;
const LIMIT_BYTES = 1024 * 1024;

describe("a fill that has ended", () => {
  let server: RedisServer;
  let admin: Redis;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    server = await startRedisServer({ args: ["--proto-max-bulk-len", String(LIMIT_BYTES)] });
    admin = new Redis(server.url);
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    await admin.flushall();
  });
  afterAll(async () => {
    admin.disconnect();
    await server.stop();
  });

  async function open(url: string, lines: string[] = []): Promise<TenantCache> {
    const log = (line: string) => void lines.push(line);
    const cache = await openCache("redis", {
      redis: url,
      keyPrefix: "ended:",
      fill: { waitMs: PATIENCE_MS },
      maxBodyBytes: 8 * LIMIT_BYTES,
      logger: { info: log, warn: log, error: log },
    });
    opened.push(cache);
    return cache;
  }

  /** An app whose handler says that it has begun, and ends when it is told to. */
  async function serveHeld(cache: TenantCache, body: string | Buffer = "text") {
    const runs: { readonly end: () => void }[] = [];
    const begun: (() => void)[] = [];
    const app = await serve((express) => {
      express.get("/list{/*rest}", cache.cacheList("accounts"), (_req, res) => {
        runs.push({ end: () => res.send(body) });
        for (const tell of begun.splice(0)) tell();
      });
    });
    opened.push(app);
    const untilRuns = async (count: number) => {
      while (runs.length < count) await new Promise<void>((resolve) => begun.push(resolve));
      return runs[count - 1];
    };
    return { app, runs, untilRuns };
  }

  const leases = async () => (await admin.keys("ended:lease:*")).length;

  /** A fill whose handler has ended while the connection was away, which is there again. */
  async function endedWhileAway() {
    const proxy = await startTcpProxy(server.port);
    opened.push(proxy);
    const cache = await open(`redis://127.0.0.1:${proxy.port}`);
    const { app, untilRuns } = await serveHeld(cache);
    const first = app.request("/list");
    const run = await untilRuns(1);
    assert.equal(await leases(), 1);
    proxy.cut();
    await until("the outage", async () => cache.health().circuit !== "closed");
    run?.end();
    assert.equal((await first).status, 200);
    await cache.idle();
    assert.equal(await leases(), 1);
    proxy.heal();
    assert.ok(await cache.ready(SETTLES_WITHIN_MS));
    return { cache, app, untilRuns };
  }

  test("while the connection is away: its lease is given back when it is there again", async () => {
    await endedWhileAway();
    await until("the lease's return", async () => (await leases()) === 0);
  });

  test("while the connection is away: this process's next reader runs its handler at once, and stores what it says", async () => {
    const { cache, app, untilRuns } = await endedWhileAway();
    const second = app.request("/list");
    (await untilRuns(2))?.end();
    assert.match((await second).cache, /stored/);
    await cache.idle();
    assert.equal((await app.request("/list")).cache, "hit");
    assert.equal(await leases(), 0);
  });

  test("too large for the server: told once, not sent again, and not waited for in any process", async () => {
    const lines: string[] = [];
    const body = Buffer.alloc(2 * LIMIT_BYTES, "x");
    const [cache, other] = [await open(server.url, lines), await open(server.url)];
    const [here, there] = [await serveHeld(cache, body), await serveHeld(other, body)];
    const before = await received();
    let runs = 0;
    const ask = async () => {
      const answer = here.app.request(`/list/${Math.floor(runs / 3)}`);
      (await here.untilRuns(++runs))?.end();
      assert.equal((await answer).status, 200);
      await cache.idle();
      assert.ok(await cache.ready(SETTLES_WITHIN_MS));
    };
    // The connection may be lost before the reason has come.
    for (let requests = 0; requests < 6; requests++) await ask();
    const connections = await received();
    assert.ok(connections > before, "the server refuses none");
    for (let requests = 0; requests < 12; requests++) await ask();
    // A server that is silent for a quarter of a second costs a connection, too. What is sent again costs one for each URL.
    assert.ok((await received()) - connections < 4, `${(await received()) - connections} connections`);
    assert.ok(lines.filter((line) => line.includes("refuses values")).length <= 1, lines.join("\n"));

    // What others find is that it is not storable, or nothing at all.
    await until("the leases' return", async () =>
      (await admin.mget(...(await leaseKeys()), "none")).every((value) => !value),
    );
    const answer = there.app.request("/list/0");
    (await there.untilRuns(1))?.end();
    assert.equal((await answer).status, 200);
  });

  const leaseKeys = () => admin.keys("ended:lease:*");

  /** Connections that the server has taken since it began. */
  async function received(): Promise<number> {
    return Number(/total_connections_received:(\d+)/.exec(await admin.info("stats"))?.[1]);
  }
});
