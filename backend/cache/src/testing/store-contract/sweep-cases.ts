// What every store's sweep must do, if it has one: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { casesOf } from "./contract-case.js";
import { MINUTE_MS } from "./places.js";

/** A walk that nobody waits for may leave it at the last one. */
const isAwaited = () => true;

export const sweepCases = casesOf(["sweep"], {
  "a sweep removes what fences have cut off, of the named module only, and spares what was filled since":
    async (all) => {
      const swept = all.place("accounts");
      const other = all.place("contacts", swept.tenant);
      const neighbour = all.place("accounts");
      const old = await all.begin(swept);
      await all.commit(swept, old, Buffer.from("old"), { entryKey: all.entryKey(swept, "old") });
      for (const at of [other, neighbour]) await all.commit(at, await all.begin(at));
      await all.store.replaceFences([swept.fenceKeys[1]], MINUTE_MS);
      await all.commit(swept, await all.begin(swept), Buffer.from("young"), {
        entryKey: all.entryKey(swept, "young"),
      });
      assert.equal(await all.sweep([{ tenant: swept.tenant, module: "accounts" }]), 1);
      const kept = await all.entryAt(swept.fenceKeys, all.entryKey(swept, "young"));
      assert.deepEqual(kept, Buffer.from("young"));
      for (const at of [other, neighbour])
        assert.notEqual(await all.entryAt(at.fenceKeys, at.entryKey), null);
    },

  "what is filled while a sweep is under way is spared": async (all) => {
    const at = all.place();
    for (let round = 0; round < 40; round++) {
      const sweeps = [all.sweep([at]), all.store.sweepKeyspace?.([{ tenant: at.tenant }], isAwaited)];
      await all.store.replaceFences(at.fenceKeys.slice(1), MINUTE_MS);
      await all.commit(at, await all.begin(at), Buffer.from(`round ${round}`));
      await Promise.all(sweeps);
      assert.equal(String(await all.entryAt(at.fenceKeys, at.entryKey)), `round ${round}`);
    }
  },

  "a sweep of a tenant removes all its modules; several targets share one sweep": async (all) => {
    const tenants = [randomUUID(), randomUUID()];
    const places = tenants.flatMap((tenant) => [all.place("accounts", tenant), all.place("leads", tenant)]);
    const bystander = all.place();
    for (const at of [...places, bystander]) await all.commit(at, await all.begin(at));
    for (const tenant of tenants) await all.store.replaceFences([all.keys.fence(tenant)], MINUTE_MS);
    assert.equal(await all.sweep(tenants.map((tenant) => ({ tenant }))), 4);
    assert.notEqual(await all.entryAt(bystander.fenceKeys, bystander.entryKey), null);
  },

  "a sweep takes away what several invalidations have cut off, and the next one finds nothing": async (
    all,
  ) => {
    const at = all.place();
    for (let generation = 0; generation < 3; generation++) {
      const start = await all.begin(at);
      for (let entry = 0; entry < 120; entry++) {
        const entryKey = all.entryKey(at, `g${generation}-${entry}`);
        await all.commit(at, start, Buffer.from("v"), { entryKey, maxEntries: 1000 });
      }
      await all.store.replaceFences([at.fenceKeys[generation % 2 === 0 ? 0 : 1]], MINUTE_MS);
    }
    assert.equal(await all.sweep([at]), 360);
    assert.equal(await all.sweep([at]), 0);
    assert.deepEqual((await all.store.inventory({ tenant: at.tenant, maxKeys: 1000 })).rows, []);
  },

  "a walk through all keys leaves what is live": async (all) => {
    const at = all.place();
    await all.commit(at, await all.begin(at), Buffer.from("old"), {
      entryKey: all.entryKey(at, "old"),
    });
    await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
    await all.commit(at, await all.begin(at), Buffer.from("young"));
    const removed = all.store.sweepKeyspace
      ? await all.store.sweepKeyspace([at], isAwaited)
      : await all.sweep([at]);
    assert.equal(removed, 1);
    assert.equal(String(await all.entryAt(at.fenceKeys, at.entryKey)), "young");
  },

  "ids that look like patterns are only themselves": async (all) => {
    const victim = all.place("accounts", "ab");
    await all.commit(victim, await all.begin(victim));
    for (const tenant of ["*", "a?", "a[b]", "[a-z]*"]) {
      assert.equal(await all.sweep([{ tenant }]), 0);
      assert.equal((await all.store.sweepKeyspace?.([{ tenant }], isAwaited)) ?? 0, 0);
    }
    assert.notEqual(await all.entryAt(victim.fenceKeys, victim.entryKey), null);
  },
});
