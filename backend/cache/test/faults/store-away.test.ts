// The store hung, killed, full, cut off or returning garbage: requests are answered by their handlers, and nothing old is served after.
import assert from "node:assert/strict";
import { afterAll, afterEach, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer, startTcpProxy } from "../../../servers/index.js";
import type { Logger, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { serveVersioned, type VersionedApp, type VersionedAppOptions } from "../support/versioned-app.js";

/** A budget that a hung store soon exceeds, and a busy machine does not. */
const SHORT = { budgetMs: 1000 };

describe("with Redis away", () => {
  let redis: RedisServer;
  let admin: Redis;
  let lines: string[] = [];
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    admin.on("error", () => undefined);
  });
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close();
    lines = [];
  });
  afterAll(async () => {
    admin.disconnect();
    await redis.stop();
  });

  const logger: Logger = {
    info: (line) => void lines.push(line),
    warn: (line) => void lines.push(line),
    error: (line) => void lines.push(line),
  };

  async function open(
    options: VersionedAppOptions & { cache?: Partial<TenantCacheOptions> } = {},
  ): Promise<VersionedApp & { cache: TenantCache }> {
    const cache = await openCache("redis", { redis: redis.url, logger, ...options.cache });
    opened.push(cache);
    const versioned = await serveVersioned(cache, options);
    opened.push(versioned.app);
    return { ...versioned, cache };
  }

  async function untilInUse(cache: TenantCache): Promise<void> {
    assert.equal(await cache.ready(READY_WITHIN_MS), true, "the cache comes back");
  }

  /** Forty requests at once, then one after the other: all of them are answered. */
  async function assertAnswered(read: VersionedApp["read"], version: number): Promise<void> {
    const answers = await Promise.all(Array.from({ length: 40 }, (_, index) => read(`/list?n=${index}`)));
    for (let index = 0; index < 10; index++) answers.push(await read());
    for (const answer of answers) assert.deepEqual([answer.status, answer.version], [200, version]);
  }

  const interruptions: Record<
    string,
    { begin: () => Promise<void>; end: () => Promise<void>; readonly says: RegExp }
  > = {
    "hung (SIGSTOP)": {
      begin: () => redis.pause(),
      end: () => redis.resume(),
      says: /store away \(no answer within 1000 ms[;)].*requests go to their handlers/,
    },
    "killed and restarted empty": {
      begin: () => redis.kill(),
      end: () => redis.restart(),
      says: /store away \(connect ECONNREFUSED .+\); requests go to their handlers/,
    },
  };
  for (const [name, { begin, end, says }] of Object.entries(interruptions)) {
    test(`${name}: every request is answered, the log has one line for each change of state`, async () => {
      const { cache, read } = await open({ cache: SHORT });
      await read();
      assert.equal((await read()).cache, "hit");
      await begin();
      await assertAnswered(read, 0);
      assert.equal((await read()).cache, "fwd=bypass; detail=store-unavailable");
      while (lines.length === 0) await read();
      await end();
      await untilInUse(cache);
      await read();
      assert.equal((await read()).cache, "hit");
      assert.equal(lines.length, 2, lines.join("\n"));
      assert.match(lines[0] ?? "", says);
      assert.match(lines[1] ?? "", /store back after [\d.]+ s; 0 pending invalidations replayed/);
    });

    test(`${name}: a change made meanwhile is replayed before the cache is trusted again`, async () => {
      const { cache, read, write } = await open({ cache: SHORT });
      await read();
      assert.equal((await read()).cache, "hit");
      await begin();
      assert.equal((await write()).status, 201);
      assert.equal(cache.health().pendingInvalidations, 1);
      assert.equal((await read()).version, 1);
      await end();
      await untilInUse(cache);
      assert.equal(cache.health().pendingInvalidations, 0);
      assert.equal(cache.health().replayedInvalidations, 1);
      const first = await read();
      assert.deepEqual([first.version, first.cache], [1, "fwd=miss; stored"]);
      assert.match(lines.at(-1) ?? "", /1 pending invalidations replayed/);
    });

    test(`${name}: onUnreachable "reject" refuses the change before it is made`, async () => {
      const { cache, read, write } = await open({ write: { onUnreachable: "reject" }, cache: SHORT });
      await begin();
      // The circuit opens with the first requests that notice.
      while (cache.health().connected) await read();
      const refused = await write();
      assert.equal(refused.status, 503);
      assert.equal(refused.headers.get("content-type"), "application/problem+json");
      assert.equal((await read()).version, 0);
      await end();
      await untilInUse(cache);
      assert.equal((await write()).status, 201);
      assert.equal((await read()).version, 1);
    });
  }

  test("a write under way when Redis hangs is answered and remembered", async () => {
    const { cache, read, write } = await open({ cache: SHORT });
    await read();
    await redis.pause();
    const writes = await Promise.all([write(), write(), write()]);
    assert.deepEqual(
      writes.map(({ status }) => status),
      [201, 201, 201],
    );
    await redis.resume();
    await untilInUse(cache);
    assert.equal((await read()).version, 3);
  });

  test("FLUSHALL costs misses, never freshness", async () => {
    const { read, write, cache } = await open();
    await read();
    await write();
    await read();
    await admin.flushall();
    const first = await read();
    assert.deepEqual([first.version, first.cache], [1, "fwd=miss; stored"]);
    await cache.idle();
    assert.equal((await read()).cache, "hit");
  });

  test("a full server that refuses writes: requests are answered and changes still invalidate", async () => {
    const { read, write, cache } = await open();
    await read();
    assert.equal((await read()).cache, "hit");
    await admin.config("SET", "maxmemory-policy", "noeviction");
    await admin.config("SET", "maxmemory", "1");
    try {
      assert.equal((await read()).cache, "hit", "what is there is still served");
      assert.equal((await write()).status, 201);
      for (let round = 0; round < 5; round++) assert.equal((await read()).version, 1);
      assert.ok((await cache.stats()).totals.errors > 0, "and counted");
    } finally {
      await admin.config("SET", "maxmemory", "512mb");
      await admin.config("SET", "maxmemory-policy", "allkeys-lru");
    }
    await untilInUse(cache);
    await read();
    await cache.idle();
    assert.equal((await read()).cache, "hit");
  });

  test("garbage, a cut-off value and another request's entry are misses and alarms", async () => {
    const keyPrefix = "garbage:";
    const { read, cache } = await open({ cache: { keyPrefix, local: { maxBytes: 0 } } });
    await read("/list?page=1");
    await read("/list?page=2");
    await cache.idle();
    const keys = await admin.keys(`${keyPrefix}tenant:*`);
    assert.equal(keys.length, 2);
    const [one = "", other = ""] = keys;
    const value = await admin.getBuffer(one);
    assert.ok(value);
    const flipped = Buffer.from(value);
    flipped[flipped.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
    for (const [index, corrupt] of [Buffer.from("garbage"), value.subarray(0, -1), flipped].entries()) {
      await admin.set(one, corrupt);
      await admin.set(other, corrupt);
      for (const page of [1, 2]) assert.equal((await read(`/list?page=${page}`)).cache, "fwd=miss; stored");
      await cache.idle();
      assert.equal((await cache.stats()).totals.alarms, 2 * (index + 1));
    }
    await admin.copy(one, other, "REPLACE");
    const answers = [await read("/list?page=1"), await read("/list?page=2")]
      .map((answer) => answer.cache)
      .sort();
    assert.deepEqual(
      answers,
      ["fwd=miss; stored", "hit"],
      "the copied entry is not served for the other request",
    );
    assert.match(lines.join("\n"), /ALARM: .* holds another request's entry; not served/);
  });

  test("a partition between one process and Redis: it bypasses, replays, and then the others are fresh too", async () => {
    const proxy = await startTcpProxy(redis.port);
    opened.push(proxy);
    const truth = { version: 0 };
    const shared = { keyPrefix: "partition:", ...SHORT };
    const cutOff = await open({ truth, cache: { ...shared, redis: `redis://127.0.0.1:${proxy.port}` } });
    const connected = await open({ truth, cache: shared });
    await connected.read();
    await connected.cache.idle();
    assert.equal((await cutOff.read()).cache, "hit", "processes share entries");
    for (const [name, interrupt] of [
      ["cut", () => proxy.cut()],
      ["stalled", () => proxy.stall()],
    ] as const) {
      interrupt();
      const { version } = JSON.parse((await cutOff.write()).body);
      assert.equal((await cutOff.read()).version, version, `${name}: its own reads are fresh at once`);
      proxy.heal();
      await untilInUse(cutOff.cache);
      assert.equal((await connected.read()).version, version, `${name}: after the replay everybody's are`);
    }
  });

  test("one handler runs for a cold key, across processes", async () => {
    const truth = { version: 0 };
    const beforeAnswering = () => new Promise((resolve) => setTimeout(resolve, 60));
    const apps = await Promise.all(
      Array.from({ length: 4 }, () => open({ truth, beforeAnswering, cache: { keyPrefix: "cold:" } })),
    );
    const answers = await Promise.all(apps.flatMap(({ read }) => Array.from({ length: 25 }, () => read())));
    assert.equal(answers.length, 100);
    assert.equal(
      apps.reduce((runs, app) => runs + app.runs(), 0),
      1,
    );
  });

  test("a process that dies while it fills does not keep the others waiting for long", async () => {
    const truth = { version: 0 };
    const options = { truth, cache: { keyPrefix: "dead:", fill: { waitMs: 300 } } };
    const never = await open({ ...options, beforeAnswering: () => new Promise(() => undefined) });
    const abandoned = never.read().catch(() => undefined);
    while (never.runs() === 0) await new Promise(setImmediate);
    const other = await open(options);
    assert.equal((await other.read()).status, 200);
    assert.equal(other.runs(), 1);
    await never.app.close();
    await abandoned;
  });
});
