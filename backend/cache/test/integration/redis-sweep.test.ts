// Sweeps in Redis: what they walk through, and that one process at a time does.
import assert from "node:assert/strict";
import { hash, randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { Sweeper } from "../../src/engine/sweeper.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import type { RedisClient } from "../../src/store/redis/redis-client.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { SCRIPTS } from "../../src/store/redis/scripts.js";
import { SingleServer } from "../../src/store/redis/servers.js";
import { SweepLease } from "../../src/store/redis/sweep-lease.js";
import { gate } from "../support/http-app.js";

const MINUTE_MS = 60_000;

describe("sweeps in Redis", () => {
  let redis: RedisServer;
  let client: Redis;
  let servers: SingleServer;
  let keys: KeySpace;
  let store: RedisStore;

  beforeAll(async () => {
    // A server of its own: its commands are counted.
    redis = await startRedisServer();
    client = new Redis(redis.url);
    const ignore = () => undefined;
    const listener = { changed: ignore, troubled: ignore, noticed: ignore, misled: ignore };
    servers = new SingleServer(client as unknown as RedisClient, listener);
    keys = new KeySpace("", false);
    store = new RedisStore(connect(redis.url), keys);
    await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  });
  afterAll(async () => {
    client.disconnect();
    await store.close();
    await redis.stop();
  });

  /** A place with one entry that is cut off already. */
  async function deadPlace() {
    const tenant = randomUUID();
    const module = "accounts";
    const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module)];
    const entryKey = keys.entry(tenant, module, "dead");
    const { fences } = await store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS });
    const value = [Buffer.from("dead")];
    const commit = { tenant, module, entryKey, value, ttlMs: MINUTE_MS, maxEntries: 10 };
    await store.commitFill({ ...commit, fenceKeys, fences, fenceTtlMs: MINUTE_MS });
    await store.replaceFences(fenceKeys.slice(1), MINUTE_MS);
    return { tenant, module, entryKey };
  }

  async function scans(): Promise<number> {
    return Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
  }

  test("what an invalidation has cut off goes without a walk through the keyspace, and so does its index", async () => {
    const at = await deadPlace();
    const scansBefore = await scans();
    assert.equal(await store.sweep([at]), 1);
    assert.equal((await scans()) - scansBefore, 0);
    assert.equal(await client.exists(at.entryKey, keys.generations(at.tenant)), 0);
    assert.deepEqual(await client.keys(`index:${at.tenant}:*`), []);
  });

  test("the index of a generation whose entries keep coming stays listed for as long as they live", async () => {
    const at = await deadPlace();
    const [index = ""] = await client.keys(`index:${at.tenant}:*`);
    const lives = [await client.pttl(index), await client.pttl(keys.generations(at.tenant))];
    for (const life of lives)
      assert.ok(life > MINUTE_MS, `longer than the entries' ${MINUTE_MS} ms: ${life}`);
    const [name = ""] = await client.zrange(keys.generations(at.tenant), "0", "-1");
    const listedUntil = await client.zscore(keys.generations(at.tenant), name);
    assert.ok(Number(listedUntil) > Date.now() + MINUTE_MS);
  });

  test("what no index lists is found by the walk", async () => {
    const at = await deadPlace();
    await client.del(keys.generations(at.tenant));
    const foreign = keys.entry(at.tenant, at.module, "of-another-program");
    await client.set(foreign, "x");
    assert.equal(await store.sweep([at]), 0);
    assert.equal(await store.sweepKeyspace([at], () => true), 2);
    assert.equal(await client.exists(at.entryKey, foreign), 0);
  });

  for (const kind of ["indexes", "keyspace"] as const) {
    test(`while another process sweeps (${kind}), this one does not, and is told so`, async () => {
      const at = await deadPlace();
      const sweep = () => (kind === "indexes" ? store.sweep([at]) : store.sweepKeyspace([at], () => true));
      const other = new SweepLease(servers, keys.sweepLease(kind));
      assert.equal(await other.take(), true);
      assert.equal(await sweep(), undefined);
      assert.equal(await client.exists(at.entryKey), 1);
      other.release();
      assert.equal(await sweep(), 1);
      assert.equal(await client.exists(keys.sweepLease(kind)), 0, "given back after the sweep");
    });
  }

  test("a sweep knows whether anybody waits for it: then it need not go unnoticed", async () => {
    const begun = gate();
    const ended = gate<number>();
    const answers: boolean[] = [];
    const sweeper = new Sweeper({
      sweep: (_targets, isAwaited) => {
        answers.push(isAwaited());
        begun.open();
        return ended.passed.then((removed) => {
          answers.push(isAwaited());
          return removed;
        });
      },
      gatherMs: 1,
      isStoreReachable: () => true,
      onSwept: () => undefined,
    });
    sweeper.enqueue({ tenant: "a" });
    await begun.passed;
    const idle = sweeper.idle();
    ended.open(0);
    await idle;
    assert.deepEqual(answers, [false, true]);
  });

  test("a sweep that waits for another process is done when that has finished", async () => {
    const at = await deadPlace();
    const lease = keys.sweepLease("indexes");
    await client.set(lease, "of a process that died", "PX", 100);
    const swept: number[] = [];
    const sweeper = new Sweeper({
      sweep: (targets) => store.sweep(targets),
      gatherMs: 1,
      isStoreReachable: () => true,
      onSwept: (removed) => swept.push(removed),
    });
    sweeper.enqueue(at);
    await sweeper.idle();
    assert.deepEqual(swept, [1]);
    assert.equal(sweeper.pending, 0);
  });

  test("who was held up for longer than its lease lives stops, and does not end another's", async () => {
    const key = keys.sweepLease("keyspace");
    const slow = new SweepLease(servers, key, 1);
    assert.equal(await slow.take(), true);
    const next = new SweepLease(servers, key);
    while (!(await next.take())) await new Promise(setImmediate);
    await assert.rejects(slow.keep(), /another process sweeps/);
    slow.release();
    await client.ping();
    assert.equal(await client.exists(key), 1);
    next.release();
  });

  test("a store that is closed gives the lease back", async () => {
    const places = await Promise.all(Array.from({ length: 20 }, () => deadPlace()));
    const connection = connect(redis.url);
    const closing = new RedisStore(connection, keys);
    await new Promise<void>((resolve) => closing.listen({ up: resolve, down: () => undefined }));
    const stepped = gate();
    const mayGoOn = gate();
    const { sweepIndex } = SCRIPTS;
    const steps = [sweepIndex, hash("sha1", sweepIndex)];
    const scripted = connection.client;
    for (const command of ["eval", "evalsha"] as const) {
      const send = scripted[command].bind(scripted);
      scripted[command] = async (script, ...args) => {
        const answer = await send(script, ...args);
        if (steps.includes(script)) {
          stepped.open();
          await mayGoOn.passed;
        }
        return answer;
      };
    }
    const sweep = closing.sweep(places);
    await stepped.passed;
    await closing.close();
    mayGoOn.open();
    await assert.rejects(sweep);
    assert.equal(await client.exists(...places.map(({ entryKey }) => entryKey)), places.length - 1);
    while ((await client.pttl(keys.sweepLease("indexes"))) > 5000) await new Promise(setImmediate);
    assert.equal(await client.exists(keys.sweepLease("indexes")), 0, "not left to its TTL");
  });
});
