// What every store keeps for the feed: one drain at a time, its state, and a token that ends by the clock that was read before.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { until } from "../../../servers/until.js";
import { markOf, positionOf } from "../../src/feed/log-position.js";
import type { FeedPlace } from "../../src/store/feed-place.js";
import { changedAtMs } from "../../src/store/fence-token.js";
import { KeySpace } from "../../src/store/key-space.js";
import { MemoryStore } from "../../src/store/memory-store.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import type { Store } from "../../src/store/store.js";

interface Opened {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly place: FeedPlace;
}

async function inUse(store: Store, keys: KeySpace): Promise<Opened> {
  let isUp = false;
  store.listen({
    up: () => {
      isUp = true;
    },
    down: () => undefined,
  });
  await until("the store is up", () => isUp);
  afterTest(() => store.close());
  const place = store.feed?.(keys);
  assert.ok(place);
  return { store, keys, place };
}

const STORES: Readonly<Record<string, () => Promise<Opened>>> = {
  memory: () => inUse(new MemoryStore({ maxBytes: 1e6, maxTenantBytes: 1e6 }), new KeySpace("", false)),
  redis: async () => {
    const keys = new KeySpace(`test:${randomUUID()}:`, false);
    return inUse(new RedisStore(connect(await sharedRedisUrl()), keys), keys);
  },
  "redis cluster": async () => {
    const cluster = await startRedisCluster();
    afterTest(() => cluster.stop());
    const keys = new KeySpace(`test:${randomUUID()}:`, true);
    return inUse(new RedisStore(connect({ cluster: cluster.nodes }), keys), keys);
  },
};

/** Nobody waits for its end. */
const LONG_MS = 600_000;
const ask = (holder: string) => ({ holder, leaseMs: LONG_MS, wantedMs: LONG_MS });

describe.each(Object.keys(STORES))("the feed's place, %s", (name) => {
  const open = async () => (await STORES[name]?.()) as Opened;

  test("fences carry what they are marked with, and the epoch is read as they are", async () => {
    const { store, keys, place } = await open();
    const { clock } = await place.turn(ask("one"));
    await place.keep({ holder: "one", state: "s1", epoch: "e.1", clock, lifeMs: LONG_MS });
    const fenceKeys = [keys.fence("acme"), keys.fence("acme", "orders")];
    const mark = markOf({ life: "life-_00", lsn: 0xff12n });
    const changes = {
      replaceFences: () => store.replaceFences(fenceKeys, 60_000, undefined, mark),
      endWrite: async () => {
        await store.beginWrite(fenceKeys, "writer-1", 5000);
        await store.endWrite(fenceKeys, "writer-1", 60_000, undefined, mark);
      },
    };
    for (const [change, make] of Object.entries(changes)) {
      await make();
      const { fences } = await store.read([...fenceKeys, keys.feedEpoch], []);
      for (const fence of fences.slice(0, 2)) {
        assert.deepEqual(positionOf(fence ?? ""), { life: "life-_00", lsn: 0xff12n }, change);
        assert.ok(changedAtMs([fence ?? ""]) > 0, change);
      }
      assert.equal(fences[2], "e.1");
      await store.replaceFences(fenceKeys, 60_000);
    }
  });

  test("keeps the state of who drains, and sets a token that hits and fills read", async () => {
    const { store, keys, place } = await open();
    const turn = await place.turn(ask("one"));
    assert.deepEqual([turn.isLeading, turn.isWanted, turn.state], [true, true, null]);
    const step = { holder: "one", state: "s1", epoch: "e.1", clock: turn.clock, lifeMs: LONG_MS };
    assert.equal(await place.keep(step), true);
    assert.equal((await place.turn(ask("one"))).state, "s1");
    const fenceKeys = [keys.fence("acme"), keys.fence("acme", "orders")];
    const read = await store.read([...fenceKeys, keys.feedToken], []);
    assert.equal(read.fences[2], "e.1");
    const entryKey = keys.entry("acme", "orders", "1");
    const request = { entryKey, fenceKeys: [...fenceKeys, keys.feedEpoch], fenceTtlMs: 60_000 };
    const start = await store.beginFill({ ...request, tokenKey: keys.feedToken });
    assert.deepEqual([start.fences[2], start.token], ["e.1", "e.1"]);
    const commit = { tenant: "acme", module: "orders", entryKey, value: [Buffer.from("x")], ttlMs: 1000 };
    const { fenceKeys: keysOfFill, fenceTtlMs } = request;
    const stored = { ...commit, maxEntries: 9, fenceKeys: keysOfFill, fences: start.fences, fenceTtlMs };
    assert.equal((await store.commitFill(stored)).outcome, "stored");
  });

  test("a token ends at the clock that was read plus its life, however late it is set", async () => {
    const { store, keys, place } = await open();
    const turn = await place.turn(ask("one"));
    const step = { holder: "one", state: "s1", epoch: "e.1", clock: turn.clock };
    await delay(120);
    await place.keep({ ...step, lifeMs: 100 });
    const token = async () => (await store.read([keys.fence("acme"), keys.feedToken], [])).fences[1];
    assert.equal(await token(), null);
    const readAtMs = performance.now();
    const again = await place.turn(ask("one"));
    await delay(60);
    await place.keep({ ...step, clock: again.clock, lifeMs: 200 });
    await until("the token has ended", async () => (await token()) === null);
    assert.ok(performance.now() - readAtMs >= 200);
    // A clock of a server that is another one by now.
    await place.keep({ ...step, clock: new Map([["other", Number.MAX_SAFE_INTEGER]]), lifeMs: 200 });
    assert.equal(await token(), null);
  });

  test("notes are there for their time", async () => {
    const { place } = await open();
    await place.turn(ask("one"));
    await place.note("a", 60_000);
    await place.note("b", 60_000);
    assert.deepEqual([...(await place.notes())].sort(), ["a", "b"]);
  });

  if (name === "memory") return;
  test("one drains at a time, until it gives up or is given up; who does not is refused", async () => {
    const { place } = await open();
    const turn = await place.turn(ask("one"));
    assert.equal((await place.turn(ask("two"))).isLeading, false);
    const step = { holder: "two", state: "s2", epoch: "e.2", clock: turn.clock, lifeMs: 1000 };
    assert.equal(await place.keep(step), false);
    await place.leave("two");
    assert.equal((await place.turn(ask("two"))).isLeading, false);
    await place.leave("one");
    assert.equal((await place.turn({ ...ask("two"), leaseMs: 50 })).isLeading, true);
    await until("the lease has ended", async () => (await place.turn(ask("one"))).isLeading);
    assert.equal(await place.keep(step), false);
  });
});
