// What sweeps cost a large server: no walk without a reason, one for all processes, and nobody waits for another's backlog for ever.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { Sweeper } from "../../src/engine/sweeper.js";
import { Sweeps } from "../../src/engine/sweeps.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import type { SweepTarget } from "../../src/store/store.js";

const MINUTE_MS = 60_000;

describe("sweeps of a large server", () => {
  let redis: RedisServer;
  let client: Redis;
  const keys = new KeySpace("", false);
  const stores: RedisStore[] = [];

  async function newStore(): Promise<RedisStore> {
    const store = new RedisStore(connect(redis.url), keys);
    stores.push(store);
    await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
    return store;
  }

  beforeAll(async () => {
    // A server of its own: its commands are counted.
    redis = await startRedisServer();
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    for (const store of stores) await store.close();
    await redis.stop();
  });

  /** A place with one entry that is cut off already. */
  async function deadPlace(store: RedisStore) {
    const tenant = randomUUID();
    const module = "accounts";
    const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module)];
    const entryKey = keys.entry(tenant, module, "dead");
    const { fences } = await store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS });
    const commit = {
      tenant,
      module,
      entryKey,
      value: [Buffer.from("dead")],
      ttlMs: MINUTE_MS,
      maxEntries: 10,
    };
    await store.commitFill({ ...commit, fenceKeys, fences, fenceTtlMs: MINUTE_MS });
    const index = keys.index(tenant, module, fences.join("_"));
    await store.replaceFences(fenceKeys.slice(1), MINUTE_MS);
    return { tenant, module, entryKey, index };
  }

  async function scans(): Promise<number> {
    return Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info("commandstats"))?.[1] ?? 0);
  }

  function sweepsOf(store: RedisStore): Sweeps {
    const sweeps = new Sweeps(store, { sweepGatherMs: 1, walkGatherMs: 1 }, () => true);
    closeAfterTest({ close: async () => sweeps.stop() });
    return sweeps;
  }

  async function sweepModules(store: RedisStore, places: readonly SweepTarget[]): Promise<Sweeps> {
    const sweeps = sweepsOf(store);
    for (const { tenant, module } of places)
      sweeps.enqueue({ tenant, ...(module !== undefined && { module }) });
    await sweeps.idle();
    return sweeps;
  }

  test("no walk follows the invalidation of modules, however many there are", async () => {
    const store = await newStore();
    const places = await Promise.all(Array.from({ length: 120 }, () => deadPlace(store)));
    const before = await scans();
    const sweeps = await sweepModules(store, places);
    assert.equal(sweeps.sweptKeys, 120);
    assert.equal(await scans(), before);
  });

  test("a walk follows where an index was lost, and removes what it had listed", async () => {
    const store = await newStore();
    const at = await deadPlace(store);
    assert.equal(await client.del(at.index), 1);
    const lost: SweepTarget[] = [];
    assert.equal(await store.sweep([at], undefined, (place) => lost.push(place)), 0);
    assert.deepEqual(lost, [{ tenant: at.tenant, module: at.module }]);
    const again = await deadPlace(store);
    await client.del(again.index);
    const sweeps = await sweepModules(store, [again]);
    assert.equal(sweeps.sweptKeys, 1);
    assert.equal(await client.exists(again.entryKey), 0);
  });

  test("an index that was emptied, or whose end has come, is not a lost one", async () => {
    const store = await newStore();
    const lost: SweepTarget[] = [];
    const at = await deadPlace(store);
    assert.equal(await store.sweep([at], undefined, (place) => lost.push(place)), 1);
    const ended = await deadPlace(store);
    const [name = ""] = await client.zrange(keys.generations(ended.tenant), "0", "-1");
    await client.del(ended.index);
    await client.zadd(keys.generations(ended.tenant), Date.now() - 1, name);
    await store.sweep([ended], undefined, (place) => lost.push(place));
    assert.deepEqual(lost, []);
  });

  test("the whole tenant: what no index ever listed goes, too", async () => {
    const store = await newStore();
    const at = await deadPlace(store);
    const foreign = keys.entry(at.tenant, at.module, "of-another-program");
    await client.set(foreign, "x");
    await sweepModules(store, [{ tenant: at.tenant }]);
    assert.equal(await client.exists(at.entryKey, foreign), 0);
  });

  test("behind a walk all processes rest from walking, unless somebody waits for one", async () => {
    const [one, other] = [await newStore(), await newStore()];
    const at = await deadPlace(one);
    await client.del(keys.walkRest());
    assert.equal(await one.sweepKeyspace([{ tenant: at.tenant }]), 1);
    assert.ok((await client.pttl(keys.walkRest())) > 59 * MINUTE_MS);
    const before = await scans();
    assert.equal(await other.sweepKeyspace([{ tenant: at.tenant }]), undefined);
    assert.equal(await scans(), before);
    assert.equal(await client.exists(keys.sweepLease("keyspace")), 0, "given back at once");
    assert.equal(await other.sweepKeyspace([{ tenant: at.tenant }], () => true), 0);
  });

  test("a backlog is swept in parts, and none of it is left out", async () => {
    const sizes: number[] = [];
    const swept = new Set<string>();
    const sweeper = new Sweeper({
      sweep: async (targets) => {
        sizes.push(targets.length);
        for (const { tenant } of targets) swept.add(tenant);
        return targets.length;
      },
      gatherMs: 1,
      isStoreReachable: () => true,
      onSwept: () => undefined,
    });
    for (let index = 0; index < 1200; index++) sweeper.enqueue({ tenant: String(index) });
    await until("all are swept", () => swept.size === 1200);
    assert.deepEqual(sizes, [500, 500, 200]);
    assert.equal(sweeper.pending, 0);
  });

  test("who has swept for long leaves others a turn before it goes on with its backlog", async () => {
    const begunAtMs: number[] = [];
    const endedAtMs: number[] = [];
    const sweeper = new Sweeper({
      sweep: async (targets) => {
        begunAtMs.push(performance.now());
        await delay(1050);
        endedAtMs.push(performance.now());
        return targets.length;
      },
      gatherMs: 1,
      isStoreReachable: () => true,
      onSwept: () => undefined,
    });
    for (let index = 0; index < 501; index++) sweeper.enqueue({ tenant: String(index) });
    await until("both are swept", () => endedAtMs.length === 2);
    // As long as those wait whom it has kept from sweeping: they try once a second.
    assert.ok((begunAtMs[1] ?? 0) - (endedAtMs[0] ?? 0) > 900);
  });
});
