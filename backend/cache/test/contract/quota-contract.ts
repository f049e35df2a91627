// How every store bounds the bytes of a tenant, as part of the store contract.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeAll, test } from "@jest/globals";
import type { KeySpace } from "../../src/store/key-space.js";
import type { CommitResult, Store } from "../../src/store/store.js";
import { MINUTE_MS, type Place, Places } from "./places.js";

const KIB = 1024;
const QUOTA = 100 * KIB;

/** @param opened the store, once it is open */
export function describeQuotas(opened: () => { readonly store: Store; readonly keys: KeySpace }): void {
  let store: Store;
  let keys: KeySpace;
  let places: Places;
  beforeAll(() => {
    ({ store, keys } = opened());
    places = new Places(store, keys);
  });

  const hashOf = (at: Place, hash: string) => keys.entry(at.tenant, at.module, hash);
  async function put(
    at: Place,
    hash: string,
    bytes: number,
    maxTenantBytes = QUOTA,
    ttlMs = MINUTE_MS,
  ): Promise<CommitResult> {
    const more = { entryKey: hashOf(at, hash), maxTenantBytes, ttlMs, maxEntries: 1000 };
    return places.commitWith(at, await places.begin(at), Buffer.alloc(bytes, hash), more);
  }
  const isThere = async (at: Place, hash: string) =>
    (await places.entryAt(at.fenceKeys, hashOf(at, hash))) !== null;
  async function counted(tenant: string): Promise<number> {
    const [bytes = -1] = await store.tenantBytes([tenant]);
    return bytes;
  }
  async function held(tenant: string): Promise<{ entries: number; bytes: number }> {
    const { rows } = await store.inventory({ tenant, maxKeys: 100_000 });
    return {
      entries: rows.reduce((sum, row) => sum + row.entries, 0),
      bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
    };
  }

  test("a tenant's entries never take more than its quota, over all its modules, and cost no other tenant one", async () => {
    const tenant = randomUUID();
    const modules = ["accounts", "leads", "users"].map((module) => places.place(module, tenant));
    const neighbour = places.place();
    await put(neighbour, "n", 50 * KIB);
    let evicted = 0;
    for (let index = 0; index < 60; index++) {
      const at = modules[index % modules.length] as Place;
      const result = await put(at, `h${index}`, 1000 + 311 * index);
      assert.equal(result.outcome, "stored");
      assert.equal(await isThere(at, `h${index}`), true, "what was just stored has not made room for itself");
      evicted += result.evicted;
      if (index % 6 > 0) continue;
      const { bytes } = await held(tenant);
      const count = await counted(tenant);
      assert.ok(bytes <= count && count <= QUOTA, `${bytes} <= ${count} <= ${QUOTA}`);
    }
    assert.equal(evicted, 60 - (await held(tenant)).entries, "each that is gone was counted");
    assert.ok((await counted(tenant)) > 0.7 * QUOTA, "it is used");
    assert.equal(await isThere(neighbour, "n"), true);
  });

  test("what was stored first and expires soonest makes room, and no more than has to", async () => {
    const at = places.place();
    for (const [index, hash] of ["a", "b", "c"].entries())
      assert.equal((await put(at, hash, 30 * KIB, QUOTA, MINUTE_MS + index)).evicted, 0);
    assert.deepEqual(
      { ...(await put(at, "d", 30 * KIB, QUOTA, MINUTE_MS + 9)), recount: undefined },
      { outcome: "stored", evicted: 1, recount: undefined },
    );
    const left = await Promise.all(["a", "b", "c", "d"].map((hash) => isThere(at, hash)));
    assert.deepEqual(left, [false, true, true, true]);
  });

  test("an entry that is larger than the quota is not stored, costs nobody anything, and can be told to be unstorable", async () => {
    const at = places.place();
    await put(at, "small", 20 * KIB);
    const start = await places.begin(at, "holder-1");
    assert.equal(start.lease, "leading");
    const more = { maxTenantBytes: QUOTA, holder: "holder-1" };
    const result = await places.commitWith(at, start, Buffer.alloc(QUOTA), more);
    assert.deepEqual([result.outcome, result.evicted], ["too-large", 0]);
    assert.equal(await places.entryAt(at.fenceKeys, at.entryKey), null);
    assert.equal(await isThere(at, "small"), true);
    assert.equal((await places.begin(at, "holder-2")).lease, "waiting", "its holder has the lease still");
    await store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, MINUTE_MS);
    assert.equal((await places.begin(at, "holder-2")).lease, "skipped");
  });

  test("an entry that is written again counts once, whether it has grown, shrunk or stayed", async () => {
    const at = places.place();
    await put(at, "other", 20 * KIB);
    for (const kib of [10, 10, 60, 70, 5, 70, 70, 1]) {
      assert.equal((await put(at, "h", kib * KIB)).evicted, 0, `${kib} KiB`);
      const count = await counted(at.tenant);
      assert.ok(count >= (20 + kib) * KIB && count < (20 + kib) * 1.03 * KIB + 2000, `${kib} KiB: ${count}`);
    }
    assert.equal(await isThere(at, "other"), true);
  });

  test("what is removed by name, deleted, swept or has expired counts no longer", async () => {
    const at = places.place("users");
    const key = "users:42";
    const entryKey = keys.keyed(at.tenant, key);
    await put(at, "removed", 10 * KIB);
    await store.remove(hashOf(at, "removed"));
    assert.equal(await counted(at.tenant), 0);

    const more = { entryKey, maxTenantBytes: QUOTA };
    await places.commitWith(at, await places.begin(at), Buffer.alloc(10 * KIB), more);
    await store.keyed.removeKeys([keys.keyFence(at.tenant, key), entryKey, keys.counter(at.tenant, key)]);
    assert.equal(await counted(at.tenant), 0);

    await put(at, "swept", 10 * KIB);
    await store.replaceFences(at.fenceKeys, MINUTE_MS);
    assert.equal(await store.sweep([at]), 1);
    assert.equal(await counted(at.tenant), 0);

    await put(at, "brief", 10 * KIB, QUOTA, 1);
    while (await isThere(at, "brief")) await new Promise(setImmediate);
    // In process, expired entries are looked for when the inventory is taken.
    await held(at.tenant);
    assert.equal(await counted(at.tenant), 0);
  });

  test("what matches a pattern and is removed counts no longer", async () => {
    const at = places.place("users");
    for (const id of [1, 2, 3]) {
      const key = `users:profile:${id}`;
      const fenceKeys = [...at.fenceKeys, keys.keyFence(at.tenant, key)];
      const entryKey = keys.keyed(at.tenant, key);
      const { fences } = await store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS });
      const value = [Buffer.alloc(10 * KIB)];
      const commit = {
        tenant: at.tenant,
        module: "users",
        entryKey,
        value,
        ttlMs: MINUTE_MS,
        maxEntries: 10,
      };
      await store.commitFill({ ...commit, fenceKeys, fences, fenceTtlMs: MINUTE_MS, maxTenantBytes: QUOTA });
    }
    assert.ok((await counted(at.tenant)) >= 30 * KIB);
    const match = {
      fencePrefix: keys.keyFence(at.tenant, ""),
      entryPrefix: keys.tenant(at.tenant),
      counterPrefix: keys.counter(at.tenant, ""),
    };
    assert.equal(await store.keyed.removeMatching({ ...match, pattern: "users:profile:*" }), 3);
    assert.equal(await counted(at.tenant), 0);
  });

  test("a tenant that has nothing counts nothing", async () => {
    assert.deepEqual(await store.tenantBytes([randomUUID(), randomUUID()]), [0, 0]);
    assert.deepEqual(await store.tenantBytes([]), []);
  });

  test("many who store at once keep to the quota together", async () => {
    const tenant = randomUUID();
    const modules = ["accounts", "leads"].map((module) => places.place(module, tenant));
    const results = await Promise.all(
      Array.from({ length: 80 }, (_, index) => put(modules[index % 2] as Place, `h${index}`, 7 * KIB)),
    );
    assert.ok(results.every(({ outcome }) => outcome === "stored"));
    const { bytes, entries } = await held(tenant);
    assert.ok(bytes <= QUOTA && bytes > 0.8 * QUOTA, String(bytes));
    assert.equal(
      results.reduce((sum, { evicted }) => sum + evicted, 0),
      80 - entries,
    );
  });
}
