// How every store bounds the bytes of a tenant, if it does: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import type { CommitResult } from "../../store/store.js";
import { casesOf, until } from "./contract-case.js";
import { matching } from "./keyed-cases.js";
import { MINUTE_MS, type Place, type Places } from "./places.js";

const KIB = 1024;
const QUOTA = 100 * KIB;

async function put(
  all: Places,
  at: Place,
  hash: string,
  bytes: number,
  maxTenantBytes: number = QUOTA,
  ttlMs: number = MINUTE_MS,
): Promise<CommitResult> {
  const more = { entryKey: all.entryKey(at, hash), maxTenantBytes, ttlMs, maxEntries: 1000 };
  return all.commitWith(at, await all.begin(at), Buffer.alloc(bytes, hash), more);
}

async function isThere(all: Places, at: Place, hash: string): Promise<boolean> {
  return (await all.entryAt(at.fenceKeys, all.entryKey(at, hash))) !== null;
}

async function counted({ store }: Places, tenant: string): Promise<number> {
  const [bytes = -1] = (await store.tenantBytes?.([tenant])) ?? [];
  return bytes;
}

async function held({ store }: Places, tenant: string): Promise<{ entries: number; bytes: number }> {
  const { rows } = await store.inventory({ tenant, maxKeys: 100_000 });
  return {
    entries: rows.reduce((sum, row) => sum + row.entries, 0),
    bytes: rows.reduce((sum, row) => sum + row.bytes, 0),
  };
}

const bounds = casesOf(["quota"], {
  "a tenant's entries never take more than its quota, over all its modules, and cost no other tenant one":
    async (all) => {
      const tenant = randomUUID();
      const modules = ["accounts", "leads", "users"].map((module) => all.place(module, tenant));
      const neighbour = all.place();
      await put(all, neighbour, "n", 50 * KIB);
      let evicted = 0;
      for (let index = 0; index < 60; index++) {
        const at = modules[index % modules.length] as Place;
        const result = await put(all, at, `h${index}`, 1000 + 311 * index);
        assert.equal(result.outcome, "stored");
        assert.equal(
          await isThere(all, at, `h${index}`),
          true,
          "what was just stored has not made room for itself",
        );
        evicted += result.evicted;
        if (index % 6 > 0) continue;
        const { bytes } = await held(all, tenant);
        const count = await counted(all, tenant);
        assert.ok(bytes <= count && count <= QUOTA, `${bytes} <= ${count} <= ${QUOTA}`);
      }
      assert.equal(evicted, 60 - (await held(all, tenant)).entries, "each that is gone was counted");
      assert.ok((await counted(all, tenant)) > 0.7 * QUOTA, "it is used");
      assert.equal(await isThere(all, neighbour, "n"), true);
    },

  "what was stored first and expires soonest makes room, and no more than has to": async (all) => {
    const at = all.place();
    for (const [index, hash] of ["a", "b", "c"].entries())
      assert.equal((await put(all, at, hash, 30 * KIB, QUOTA, MINUTE_MS + index)).evicted, 0);
    assert.deepEqual(
      { ...(await put(all, at, "d", 30 * KIB, QUOTA, MINUTE_MS + 9)), recount: undefined },
      { outcome: "stored", evicted: 1, recount: undefined },
    );
    const left = await Promise.all(["a", "b", "c", "d"].map((hash) => isThere(all, at, hash)));
    assert.deepEqual(left, [false, true, true, true]);
  },

  "an entry that is larger than the quota is not stored, costs nobody anything, and can be told to be unstorable":
    async (all) => {
      const at = all.place();
      await put(all, at, "small", 20 * KIB);
      const start = await all.begin(at, "holder-1");
      assert.equal(start.lease, "leading");
      const more = { maxTenantBytes: QUOTA, holder: "holder-1" };
      const result = await all.commitWith(at, start, Buffer.alloc(QUOTA), more);
      assert.deepEqual([result.outcome, result.evicted], ["too-large", 0]);
      assert.equal(await all.entryAt(at.fenceKeys, at.entryKey), null);
      assert.equal(await isThere(all, at, "small"), true);
      assert.equal((await all.begin(at, "holder-2")).lease, "waiting", "its holder has the lease still");
      await all.store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, MINUTE_MS);
      assert.equal((await all.begin(at, "holder-2")).lease, "skipped");
    },

  "an entry that is written again counts once, whether it has grown, shrunk or stayed": async (all) => {
    const at = all.place();
    await put(all, at, "other", 20 * KIB);
    for (const kib of [10, 10, 60, 70, 5, 70, 70, 1]) {
      assert.equal((await put(all, at, "h", kib * KIB)).evicted, 0, `${kib} KiB`);
      const count = await counted(all, at.tenant);
      assert.ok(count >= (20 + kib) * KIB && count < (20 + kib) * 1.03 * KIB + 2000, `${kib} KiB: ${count}`);
    }
    assert.equal(await isThere(all, at, "other"), true);
  },

  "what is removed by name or has expired counts no longer": async (all) => {
    const at = all.place("users");
    await put(all, at, "removed", 10 * KIB);
    await all.store.remove(all.entryKey(at, "removed"));
    assert.equal(await counted(all, at.tenant), 0);

    await put(all, at, "brief", 10 * KIB, QUOTA, 1);
    await until("an entry with a TTL of 1 ms is gone", async () => !(await isThere(all, at, "brief")));
    // In process, expired entries are looked for when the inventory is taken.
    await held(all, at.tenant);
    // An index may be gone a moment before it is known that nothing in it can be left.
    await until("what has expired counts no longer", async () => (await counted(all, at.tenant)) === 0);
  },

  "a tenant that has nothing counts nothing": async (all) => {
    assert.deepEqual(await all.store.tenantBytes?.([randomUUID(), randomUUID()]), [0, 0]);
    assert.deepEqual(await all.store.tenantBytes?.([]), []);
  },

  "many who store at once keep to the quota together": async (all) => {
    const tenant = randomUUID();
    const modules = ["accounts", "leads"].map((module) => all.place(module, tenant));
    const results = await Promise.all(
      Array.from({ length: 80 }, (_, index) => put(all, modules[index % 2] as Place, `h${index}`, 7 * KIB)),
    );
    assert.ok(results.every(({ outcome }) => outcome === "stored"));
    const { bytes, entries } = await held(all, tenant);
    assert.ok(bytes <= QUOTA && bytes > 0.8 * QUOTA, String(bytes));
    assert.equal(
      results.reduce((sum, { evicted }) => sum + evicted, 0),
      80 - entries,
    );
  },
});

const deletions = casesOf(["quota", "keyed"], {
  "what is deleted counts no longer": async (all) => {
    const at = all.place("users");
    const key = "users:42";
    const entryKey = all.keys.keyed(at.tenant, key);
    const more = { entryKey, maxTenantBytes: QUOTA };
    await all.commitWith(at, await all.begin(at), Buffer.alloc(10 * KIB), more);
    await all.keyed.removeKeys([
      all.keys.keyFence(at.tenant, key),
      entryKey,
      all.keys.counter(at.tenant, key),
    ]);
    assert.equal(await counted(all, at.tenant), 0);
  },

  "what matches a pattern and is removed counts no longer": async (all) => {
    const at = all.place("users");
    for (const id of [1, 2, 3]) {
      const key = `users:profile:${id}`;
      const fenceKeys = [...at.fenceKeys, all.keys.keyFence(at.tenant, key)];
      const entryKey = all.keys.keyed(at.tenant, key);
      const { fences } = await all.store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS });
      const value = [Buffer.alloc(10 * KIB)];
      const commit = {
        tenant: at.tenant,
        module: "users",
        entryKey,
        value,
        ttlMs: MINUTE_MS,
        maxEntries: 10,
      };
      await all.store.commitFill({
        ...commit,
        fenceKeys,
        fences,
        fenceTtlMs: MINUTE_MS,
        maxTenantBytes: QUOTA,
      });
    }
    assert.ok((await counted(all, at.tenant)) >= 30 * KIB);
    assert.equal(await all.keyed.removeMatching(matching(all, at.tenant, "users:profile:*")), 3);
    assert.equal(await counted(all, at.tenant), 0);
  },
});

const sweeps = casesOf(["quota", "sweep"], {
  "what is swept counts no longer": async (all) => {
    const at = all.place("users");
    await put(all, at, "swept", 10 * KIB);
    await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
    assert.equal(await all.sweep([at]), 1);
    assert.equal(await counted(all, at.tenant), 0);
  },
});

export const quotaCases = [...bounds, ...deletions, ...sweeps];
