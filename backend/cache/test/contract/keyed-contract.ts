// What every store must do for single keys, counters and locks: part of the store contract.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "@jest/globals";
import type { KeySpace } from "../../src/store/key-space.js";
import type { FillStart, Store } from "../../src/store/store.js";

const MINUTE_MS = 60_000;

/** Defines the tests; `opened` is called when they run. */
export function testKeyedStore(opened: () => { readonly store: Store; readonly keys: KeySpace }): void {
  function place(key: string, tenant: string = randomUUID()) {
    const { store, keys } = opened();
    const [module = ""] = key.split(":");
    const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module), keys.keyFence(tenant, key)];
    const entryKey = keys.keyed(tenant, key);
    return {
      tenant,
      fenceKeys,
      entryKey,
      keyFence: keys.keyFence(tenant, key),
      counter: keys.counter(tenant, key),
      begin: () => store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS }),
      commit: async (start: FillStart, value: string, expected?: Buffer | null) => {
        const { outcome } = await store.commitFill({
          tenant,
          module,
          entryKey,
          value: [Buffer.from(value)],
          ttlMs: MINUTE_MS,
          maxEntries: 100,
          fenceKeys,
          fences: start.fences,
          fenceTtlMs: MINUTE_MS,
          ...(expected !== undefined && { expected }),
        });
        return outcome === "stored";
      },
      read: async () => (await store.read(fenceKeys, [entryKey])).entries[0]?.toString(),
    };
  }
  const match = (tenant: string, pattern: string) => {
    const { keys } = opened();
    return {
      fencePrefix: keys.keyFence(tenant, ""),
      entryPrefix: keys.tenant(tenant),
      counterPrefix: keys.counter(tenant, ""),
      pattern,
    };
  };

  test("turned fences tell what they were and are, and cut off a fill", async () => {
    const { store } = opened();
    const at = place("users:1");
    const start = await at.begin();
    const [turned] = await store.keyed.turnFences([at.keyFence], MINUTE_MS);
    assert.equal(turned?.before, start.fences.at(-1));
    assert.equal((await store.read([at.keyFence], [])).fences[0], turned?.after);
    assert.equal(await at.commit(start, "old"), false);
    const [again, missing] = await store.keyed.turnFences([at.keyFence, `${at.keyFence}x`], MINUTE_MS);
    assert.equal(again?.before, turned?.after);
    assert.notEqual(again?.after, turned?.after);
    assert.equal(missing?.before, null);
    assert.equal(
      await at.commit({ ...start, fences: [...start.fences.slice(0, 2), again?.after ?? ""] }, "new"),
      true,
    );
  });

  test("an expected value: written over that one only, or only where there is none", async () => {
    const at = place("users:1");
    const start = await at.begin();
    assert.equal(await at.commit(start, "first", Buffer.from("something")), false);
    assert.equal(await at.commit(start, "first", null), true);
    assert.equal(await at.commit(start, "second", null), false);
    assert.equal(await at.commit(start, "third", Buffer.from("second")), false);
    assert.equal(await at.read(), "first");
    assert.equal(await at.commit(start, "fourth", Buffer.from("first")), true);
    assert.equal(await at.read(), "fourth");
  });

  test("of many who write where there is none, one does", async () => {
    const at = place("users:1");
    const start = await at.begin();
    const stored = await Promise.all(["a", "b", "c", "d"].map((value) => at.commit(start, value, null)));
    assert.equal(stored.filter(Boolean).length, 1);
  });

  test("removed keys take entry, fence and counter with them, and cut off a fill", async () => {
    const { keyed } = opened().store;
    const at = place("users:1");
    const start = await at.begin();
    await at.commit(start, "value");
    await keyed.addToCounter(at.counter, 3, MINUTE_MS);
    await keyed.removeKeys([at.keyFence, at.entryKey, at.counter]);
    assert.equal(await at.read(), undefined);
    assert.equal(await keyed.readCounter(at.counter), null);
    assert.equal(await at.commit(start, "late"), false);
    assert.equal(await at.commit(await at.begin(), "new"), true);
  });

  test("removal by pattern: what matches, loads under way and counters too, of this tenant only", async () => {
    const { keyed } = opened().store;
    const tenant = randomUUID();
    const [profile, schedule, all] = ["users:profile:1", "users:1:schedule", "users:all-users"].map((key) =>
      place(key, tenant),
    );
    const neighbour = place("users:profile:1");
    assert.ok(profile && schedule && all);
    for (const at of [profile, schedule, all, neighbour]) await at.commit(await at.begin(), "value");
    const loading = place("users:profile:2", tenant);
    const load = await loading.begin();
    const counter = place("users:profile:visits", tenant).counter;
    await keyed.addToCounter(counter, 1, MINUTE_MS);
    assert.equal(await keyed.removeMatching(match(tenant, "users:profile:*")), 2);
    assert.equal(await profile.read(), undefined);
    assert.equal(await keyed.readCounter(counter), null);
    assert.equal(await loading.commit(load, "late"), false);
    for (const at of [schedule, all, neighbour]) assert.equal(await at.read(), "value");
    assert.equal(await keyed.removeMatching(match(tenant, "*:schedule")), 1);
    assert.equal(await keyed.removeMatching(match(tenant, "u*s:all*rs")), 1);
    assert.equal(await neighbour.read(), "value");
  });

  test("in a pattern nothing but the asterisk means anything", async () => {
    const { keyed } = opened().store;
    const at = place("users:abc");
    await at.commit(await at.begin(), "value");
    for (const pattern of ["users:a?c", "users:[a]bc", "users:ab", "sers:abc", "users:.*", "users:ab*bc"])
      assert.equal(await keyed.removeMatching(match(at.tenant, pattern)), 0, pattern);
    const odd = place("users:[a]?\\", at.tenant);
    await odd.commit(await odd.begin(), "odd");
    assert.equal(await keyed.removeMatching(match(at.tenant, "users:[a]?\\*")), 1);
    assert.equal(await at.read(), "value");
  });

  test("counters: the TTL comes with the first addition and stays", async () => {
    const { keyed } = opened().store;
    const { counter } = place("hits:1");
    assert.equal(await keyed.readCounter(counter), null);
    const sums = await Promise.all([1, 5, -2].map((by) => keyed.addToCounter(counter, by, MINUTE_MS)));
    assert.deepEqual(sums, [1, 6, 4]);
    assert.equal(await keyed.readCounter(counter), 4);
    const brief = place("hits:2").counter;
    await keyed.addToCounter(brief, 1, 30);
    while ((await keyed.addToCounter(brief, 1, MINUTE_MS)) !== 1) await new Promise(setImmediate);
  });

  test("a lock has one holder, who alone renews it and gives it back", async () => {
    const { store, keys } = opened();
    const lock = keys.lock(randomUUID(), "reports:build");
    assert.equal(await store.keyed.takeLock(lock, "one", MINUTE_MS), true);
    assert.equal(await store.keyed.takeLock(lock, "two", MINUTE_MS), false);
    assert.equal(await store.keyed.renewLock(lock, "two", MINUTE_MS), false);
    await store.keyed.releaseLock(lock, "two");
    assert.equal(await store.keyed.renewLock(lock, "one", MINUTE_MS), true);
    await store.keyed.releaseLock(lock, "one");
    assert.equal(await store.keyed.takeLock(lock, "two", 1), true);
    while (!(await store.keyed.takeLock(lock, "three", MINUTE_MS))) await new Promise(setImmediate);
    assert.equal(await store.keyed.renewLock(lock, "two", MINUTE_MS), false, "it ended by itself");
  });
}
