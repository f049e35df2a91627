// What every store's sweep must do, as part of the store contract.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeAll, test } from "@jest/globals";
import type { KeySpace } from "../../src/store/key-space.js";
import type { FillStart, Store } from "../../src/store/store.js";
import { type CommitOptions, MINUTE_MS, type Place, Places } from "./places.js";

/** @param opened the store, once it is open */
export function describeSweeps(opened: () => { readonly store: Store; readonly keys: KeySpace }): void {
  let store: Store;
  let keys: KeySpace;
  let places: Places;
  beforeAll(() => {
    ({ store, keys } = opened());
    places = new Places(store, keys);
  });
  const place = (module?: string, tenant?: string) => places.place(module, tenant);
  const begin = (at: Place) => places.begin(at);
  const commit = (at: Place, start: FillStart, value?: Buffer, more?: CommitOptions) =>
    places.commit(at, start, value, more);
  const entryAt = (fenceKeys: readonly string[], entryKey: string) => places.entryAt(fenceKeys, entryKey);

  test("a sweep removes what fences have cut off, of the named module only, and spares what was filled since", async () => {
    const swept = place("accounts");
    const other = place("contacts", swept.tenant);
    const neighbour = place("accounts");
    const old = await begin(swept);
    await commit(swept, old, Buffer.from("old"), { entryKey: keys.entry(swept.tenant, "accounts", "old") });
    for (const at of [other, neighbour]) await commit(at, await begin(at));
    await store.replaceFences([swept.fenceKeys[1]], MINUTE_MS);
    await commit(swept, await begin(swept), Buffer.from("young"), {
      entryKey: keys.entry(swept.tenant, "accounts", "young"),
    });
    assert.equal(await store.sweep([{ tenant: swept.tenant, module: "accounts" }]), 1);
    const kept = await entryAt(swept.fenceKeys, keys.entry(swept.tenant, "accounts", "young"));
    assert.deepEqual(kept, Buffer.from("young"));
    for (const at of [other, neighbour]) assert.notEqual(await entryAt(at.fenceKeys, at.entryKey), null);
  });

  test("what is filled while a sweep is under way is spared", async () => {
    const at = place();
    for (let round = 0; round < 40; round++) {
      const sweeps = [store.sweep([at]), store.sweepKeyspace?.([{ tenant: at.tenant }])];
      await store.replaceFences(at.fenceKeys.slice(1), MINUTE_MS);
      await commit(at, await begin(at), Buffer.from(`round ${round}`));
      await Promise.all(sweeps);
      assert.equal(String(await entryAt(at.fenceKeys, at.entryKey)), `round ${round}`);
    }
  });

  test("a sweep of a tenant removes all its modules; several targets share one sweep", async () => {
    const tenants = [randomUUID(), randomUUID()];
    const places = tenants.flatMap((tenant) => [place("accounts", tenant), place("leads", tenant)]);
    const bystander = place();
    for (const at of [...places, bystander]) await commit(at, await begin(at));
    for (const tenant of tenants) await store.replaceFences([keys.fence(tenant)], MINUTE_MS);
    assert.equal(await store.sweep(tenants.map((tenant) => ({ tenant }))), 4);
    assert.notEqual(await entryAt(bystander.fenceKeys, bystander.entryKey), null);
  });

  test("a sweep takes away what several invalidations have cut off, and the next one finds nothing", async () => {
    const at = place();
    for (let generation = 0; generation < 3; generation++) {
      const start = await begin(at);
      for (let entry = 0; entry < 120; entry++) {
        const entryKey = keys.entry(at.tenant, at.module, `g${generation}-${entry}`);
        await commit(at, start, Buffer.from("v"), { entryKey, maxEntries: 1000 });
      }
      await store.replaceFences([at.fenceKeys[generation % 2 === 0 ? 0 : 1]], MINUTE_MS);
    }
    assert.equal(await store.sweep([at]), 360);
    assert.equal(await store.sweep([at]), 0);
    assert.deepEqual((await store.inventory({ tenant: at.tenant, maxKeys: 1000 })).rows, []);
  });

  test("a walk through all keys leaves what is live", async () => {
    const at = place();
    await commit(at, await begin(at), Buffer.from("old"), {
      entryKey: keys.entry(at.tenant, at.module, "old"),
    });
    await store.replaceFences(at.fenceKeys, MINUTE_MS);
    await commit(at, await begin(at), Buffer.from("young"));
    const removed = store.sweepKeyspace ? await store.sweepKeyspace([at]) : await store.sweep([at]);
    assert.equal(removed, 1);
    assert.equal(String(await entryAt(at.fenceKeys, at.entryKey)), "young");
  });

  test("ids that look like patterns are only themselves", async () => {
    const victim = place("accounts", "ab");
    await commit(victim, await begin(victim));
    for (const tenant of ["*", "a?", "a[b]", "[a-z]*"]) {
      assert.equal(await store.sweep([{ tenant }]), 0);
      assert.equal((await store.sweepKeyspace?.([{ tenant }])) ?? 0, 0);
    }
    assert.notEqual(await entryAt(victim.fenceKeys, victim.entryKey), null);
  });
}
