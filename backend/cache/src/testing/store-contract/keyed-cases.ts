// What every store must do for single keys, counters and locks, if it has them: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { changedAtMs } from "../../store/fence-token.js";
import type { KeyMatch } from "../../store/keyed-store.js";
import type { FillStart } from "../../store/store.js";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS, type Places } from "./places.js";

/** One toolkit key of a tenant, whose own fence is the last of three. */
function keyPlace({ store, keys }: Places, key: string, tenant: string = randomUUID()) {
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
    commit: async (start: FillStart, value: string) => {
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
      });
      return outcome === "stored";
    },
    read: async () => (await store.read(fenceKeys, [entryKey])).entries[0]?.toString(),
  };
}

/** The keys of a tenant that match a pattern. */
export function matching({ keys }: Places, tenant: string, pattern: string): KeyMatch {
  return {
    fencePrefix: keys.keyFence(tenant, ""),
    entryPrefix: keys.tenant(tenant),
    counterPrefix: keys.counter(tenant, ""),
    pattern,
  };
}

export const keyedCases = casesOf(["keyed"], {
  "turned fences tell what they were and are, and cut off a fill": async (all) => {
    const at = keyPlace(all, "users:1");
    const start = await at.begin();
    const [turned] = await all.keyed.turnFences([at.keyFence], MINUTE_MS);
    assert.equal(turned?.before, start.fences.at(-1));
    assert.equal((await all.store.read([at.keyFence], [])).fences[0], turned?.after);
    assert.equal(await at.commit(start, "old"), false);
    const [again, missing] = await all.keyed.turnFences([at.keyFence, `${at.keyFence}x`], MINUTE_MS);
    assert.equal(again?.before, turned?.after);
    assert.notEqual(again?.after, turned?.after);
    assert.equal(missing?.before, null);
    for (const fence of [turned?.after, again?.after, missing?.after])
      assert.ok(
        Math.abs(start.nowMs - changedAtMs([String(fence)])) < MINUTE_MS,
        `${fence} says when it was set`,
      );
    assert.equal(
      await at.commit({ ...start, fences: [...start.fences.slice(0, 2), again?.after ?? ""] }, "new"),
      true,
    );
  },

  "removed keys take entry, fence and counter with them, and cut off a fill": async (all) => {
    const at = keyPlace(all, "users:1");
    const start = await at.begin();
    await at.commit(start, "value");
    await all.keyed.addToCounter(at.counter, 3, MINUTE_MS);
    await all.keyed.removeKeys([at.keyFence, at.entryKey, at.counter]);
    assert.equal(await at.read(), undefined);
    assert.equal(await all.keyed.readCounter(at.counter), null);
    assert.equal(await at.commit(start, "late"), false);
    assert.equal(await at.commit(await at.begin(), "new"), true);
  },

  "removal by pattern: what matches, loads under way and counters too, of this tenant only": async (all) => {
    const tenant = randomUUID();
    const [profile, schedule, whole] = ["users:profile:1", "users:1:schedule", "users:all-users"].map((key) =>
      keyPlace(all, key, tenant),
    );
    const neighbour = keyPlace(all, "users:profile:1");
    assert.ok(profile && schedule && whole);
    for (const at of [profile, schedule, whole, neighbour]) await at.commit(await at.begin(), "value");
    const loading = keyPlace(all, "users:profile:2", tenant);
    const load = await loading.begin();
    const counter = keyPlace(all, "users:profile:visits", tenant).counter;
    await all.keyed.addToCounter(counter, 1, MINUTE_MS);
    assert.equal(await all.keyed.removeMatching(matching(all, tenant, "users:profile:*")), 2);
    assert.equal(await profile.read(), undefined);
    assert.equal(await all.keyed.readCounter(counter), null);
    assert.equal(await loading.commit(load, "late"), false);
    for (const at of [schedule, whole, neighbour]) assert.equal(await at.read(), "value");
    assert.equal(await all.keyed.removeMatching(matching(all, tenant, "*:schedule")), 1);
    assert.equal(await all.keyed.removeMatching(matching(all, tenant, "u*s:all*rs")), 1);
    assert.equal(await neighbour.read(), "value");
  },

  "in a pattern nothing but the asterisk means anything": async (all) => {
    const at = keyPlace(all, "users:abc");
    await at.commit(await at.begin(), "value");
    for (const pattern of ["users:a?c", "users:[a]bc", "users:ab", "sers:abc", "users:.*", "users:ab*bc"])
      assert.equal(await all.keyed.removeMatching(matching(all, at.tenant, pattern)), 0, pattern);
    const odd = keyPlace(all, "users:[a]?\\", at.tenant);
    await odd.commit(await odd.begin(), "odd");
    assert.equal(await all.keyed.removeMatching(matching(all, at.tenant, "users:[a]?\\*")), 1);
    assert.equal(await at.read(), "value");
  },

  "counters: the TTL comes with the first addition and stays": async (all) => {
    const { counter } = keyPlace(all, "hits:1");
    assert.equal(await all.keyed.readCounter(counter), null);
    const sums = await Promise.all([1, 5, -2].map((by) => all.keyed.addToCounter(counter, by, MINUTE_MS)));
    assert.deepEqual(sums, [1, 6, 4]);
    assert.equal(await all.keyed.readCounter(counter), 4);
    const brief = keyPlace(all, "hits:2").counter;
    await all.keyed.addToCounter(brief, 1, 30);
    const isNew = async () => (await all.keyed.addToCounter(brief, 1, MINUTE_MS)) === 1;
    await until("a counter with a TTL of 30 ms has ended", isNew);
  },

  "a lock has one holder, who alone renews it and gives it back": async (all) => {
    const lock = all.keys.lock(randomUUID(), "reports:build");
    assert.equal(await all.keyed.takeLock(lock, "one", MINUTE_MS), true);
    assert.equal(await all.keyed.takeLock(lock, "two", MINUTE_MS), false);
    assert.equal(await all.keyed.renewLock(lock, "two", MINUTE_MS), false);
    await all.keyed.releaseLock(lock, "two");
    assert.equal(await all.keyed.renewLock(lock, "one", MINUTE_MS), true);
    await all.keyed.releaseLock(lock, "one");
    assert.equal(await all.keyed.takeLock(lock, "two", 1), true);
    await until("a lock of 1 ms has ended", () => all.keyed.takeLock(lock, "three", MINUTE_MS));
    assert.equal(await all.keyed.renewLock(lock, "two", MINUTE_MS), false, "it ended by itself");
  },
});
