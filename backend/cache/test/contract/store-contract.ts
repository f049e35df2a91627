// What every store must do: one suite, run against each implementation.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { changedAtMs, isPending } from "../../src/store/fence-token.js";
import type { KeySpace } from "../../src/store/key-space.js";
import type { FillStart, Store } from "../../src/store/store.js";
import { testKeyedStore } from "./keyed-contract.js";
import { type CommitOptions, MINUTE_MS, type Place, Places } from "./places.js";
import { describeQuotas } from "./quota-contract.js";
import { describeSweeps } from "./sweep-contract.js";

export interface StoreUnderTest {
  readonly store: Store;
  readonly keys: KeySpace;
  close(): Promise<void>;
}

/** Runs the contract; `open` is called once and must resolve with a store that is reachable. */
export function describeStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`store contract: ${name}`, () => {
    let store: Store;
    let keys: KeySpace;
    let close: () => Promise<void>;

    beforeAll(async () => {
      ({ store, keys, close } = await open());
    });
    afterAll(() => close());

    const place = (module?: string, tenant?: string) => new Places(store, keys).place(module, tenant);
    const begin = (of: Place, holder?: string, leaseTtlMs?: number) =>
      new Places(store, keys).begin(of, holder, leaseTtlMs);
    const commit = (of: Place, start: FillStart, value?: Buffer | readonly Buffer[], more?: CommitOptions) =>
      new Places(store, keys).commit(of, start, value, more);

    const entryAt = (fenceKeys: readonly string[], entryKey: string) =>
      new Places(store, keys).entryAt(fenceKeys, entryKey);

    test("a place nobody has filled has neither entry nor fences", async () => {
      const at = place();
      const snapshot = await store.read(at.fenceKeys, [at.entryKey]);
      assert.deepEqual(snapshot.entries, [null]);
      assert.deepEqual(snapshot.fences, [null, null]);
      assert.notEqual(snapshot.runId, "");
    });

    test("a fill creates the missing fences, differently each, and keeps those that are there", async () => {
      const at = place();
      const first = await begin(at);
      assert.equal(new Set(first.fences).size, 2);
      assert.deepEqual((await begin(at)).fences, first.fences);
      assert.deepEqual((await store.read(at.fenceKeys, [])).fences, first.fences);
      const ageMs = first.nowMs - changedAtMs(first.fences);
      assert.ok(ageMs >= 0 && ageMs < MINUTE_MS, "a fence says when it was set, by the store's clock");
    });

    test("a committed value comes back byte for byte, with its fences", async () => {
      const at = place();
      const start = await begin(at);
      const value = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
      assert.equal(await commit(at, start, value), true);
      const snapshot = await store.read(at.fenceKeys, [at.entryKey]);
      assert.deepEqual(snapshot.entries, [value]);
      assert.deepEqual(snapshot.fences, start.fences);
      assert.equal(snapshot.runId, start.runId);
      assert.deepEqual((await begin(at)).entry, value);
    });

    test("one round trip reads several fences and entries, each in the order asked for", async () => {
      const at = place();
      const other = keys.entry(at.tenant, at.module, "h2");
      const start = await begin(at);
      await commit(at, start, Buffer.from("first"));
      await commit(at, start, Buffer.from("second"), { entryKey: other });
      const missing = keys.entry(at.tenant, at.module, "h3");
      const fenceKeys = [...at.fenceKeys].reverse();
      const snapshot = await store.read(fenceKeys, [other, missing, at.entryKey]);
      assert.deepEqual(snapshot.fences, [...start.fences].reverse());
      assert.deepEqual(snapshot.entries, [Buffer.from("second"), null, Buffer.from("first")]);
      assert.equal(snapshot.runId, start.runId);
    });

    test("a fill that a replaced fence has overtaken stores nothing, whichever fence it was", async () => {
      for (const overtaken of [0, 1]) {
        const at = place();
        const start = await begin(at);
        await store.replaceFences([at.fenceKeys[overtaken] ?? ""], MINUTE_MS);
        assert.equal(await commit(at, start), false);
        assert.equal(await entryAt(at.fenceKeys, at.entryKey), null);
      }
    });

    test("a fill that began before a fence was lost stores nothing", async () => {
      const at = place();
      const start = await begin(at);
      await store.forgetAllFences();
      assert.equal(await commit(at, start), false);
      const next = await begin(at);
      assert.equal(
        next.fences.some((fence) => start.fences.includes(fence)),
        false,
      );
    });

    test("replaced fences are new every time", async () => {
      const at = place();
      const seen = new Set((await begin(at)).fences);
      for (let round = 0; round < 5; round++) {
        await store.replaceFences(at.fenceKeys, MINUTE_MS);
        for (const fence of (await store.read(at.fenceKeys, [])).fences) seen.add(fence ?? "missing");
      }
      assert.equal(seen.size, 2 + 5 * 2);
      assert.equal(seen.has("missing"), false);
    });

    test("entries expire", async () => {
      const at = place();
      await commit(at, await begin(at), Buffer.from("short"), { ttlMs: 1 });
      const isGone = async () => (await entryAt(at.fenceKeys, at.entryKey)) === null;
      while (!(await isGone())) await new Promise(setImmediate);
    });

    test("one holder leads, others wait, and a commit gives the lease back", async () => {
      const at = place();
      const leader = await begin(at, "holder-1");
      assert.equal(leader.lease, "leading");
      assert.equal((await begin(at, "holder-2")).lease, "waiting");
      await store.abandonFill({ key: at.leaseKey, holder: "holder-2" }, 0);
      assert.equal((await begin(at, "holder-2")).lease, "waiting", "only its holder gives a lease back");
      await store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, 0);
      assert.equal((await begin(at, "holder-2")).lease, "leading");
    });

    test("a look takes no lease where an entry has the current fences, and takes it where a fence has cut that off", async () => {
      const at = place();
      const look = (holder: string) => new Places(store, keys).begin(at, holder, MINUTE_MS, true);
      const start = await look("holder-1");
      assert.equal(start.lease, "leading");
      assert.equal(start.entry, null);
      await store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, 0);
      // As entries do, it carries its fences in front of its body.
      const value = [Buffer.from(`head,${start.fences.join()}`), Buffer.from("body")];
      assert.equal(await commit(at, start, value), true);
      const found = await look("holder-2");
      assert.equal(found.lease, "none");
      assert.deepEqual(found.entry, Buffer.concat(value));
      await store.replaceFences(at.fenceKeys.slice(1), MINUTE_MS);
      assert.equal((await look("holder-3")).lease, "leading");
    });

    test("a dead holder's lease ends by itself", async () => {
      const at = place();
      assert.equal((await begin(at, "dead", 1)).lease, "leading");
      while ((await begin(at, "next")).lease !== "leading") await new Promise(setImmediate);
    });

    test("a lease of older fences holds nobody up", async () => {
      const at = place();
      assert.equal((await begin(at, "older")).lease, "leading");
      await store.replaceFences(at.fenceKeys, MINUTE_MS);
      assert.equal((await begin(at, "younger")).lease, "leading");
    });

    test("an entry known not to be storable is not waited for", async () => {
      const at = place();
      assert.equal((await begin(at, "holder-1")).lease, "leading");
      await store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, MINUTE_MS);
      assert.equal((await begin(at, "holder-2")).lease, "skipped");
    });

    test("a guarded write keeps its fences pending until it ends, and leaves new ones", async () => {
      const at = place();
      const before = await begin(at);
      await store.beginWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      assert.equal(
        (await store.read(at.fenceKeys, [])).fences.every((fence) => fence !== null && isPending(fence)),
        true,
      );
      assert.equal(await commit(at, before), false);
      await store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      const afterwards = await store.read(at.fenceKeys, []);
      assert.equal(
        afterwards.fences.some(
          (fence) => fence === null || isPending(fence) || before.fences.includes(fence),
        ),
        false,
      );
    });

    test("overlapping guarded writes: pending until the last has ended; an unguarded one does not end them", async () => {
      const at = place();
      await store.beginWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      await store.beginWrite(at.fenceKeys, "writer-2", MINUTE_MS);
      await store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      const isStillPending = async () =>
        (await store.read(at.fenceKeys, [])).fences.every((fence) => fence !== null && isPending(fence));
      assert.equal(await isStillPending(), true);
      await store.replaceFences(at.fenceKeys, MINUTE_MS);
      assert.equal(await isStillPending(), true);
      await store.endWrite(at.fenceKeys, "writer-2", MINUTE_MS);
      assert.equal(await isStillPending(), false);
    });

    test("a crashed writer's mark ends by itself and leaves new fences; a late end replaces them again", async () => {
      const at = place();
      const before = await begin(at);
      await store.beginWrite(at.fenceKeys, "writer-1", 1);
      let start = await begin(at);
      while (start.fences.some(isPending)) start = await begin(at);
      assert.equal(
        start.fences.some((fence) => before.fences.includes(fence)),
        false,
      );
      await store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      assert.equal(
        await commit(at, start),
        false,
        "what was read while the write was under way is not stored",
      );
    });

    test("a module holds at most its number of entries", async () => {
      const at = place();
      const start = await begin(at);
      const entryKeys = Array.from({ length: 8 }, (_, index) =>
        keys.entry(at.tenant, at.module, `h${index}`),
      );
      for (const entryKey of entryKeys)
        await commit(at, start, Buffer.from("v"), { entryKey, maxEntries: 3 });
      const { rows } = await store.inventory({ tenant: at.tenant, maxKeys: 1000 });
      assert.deepEqual(
        rows.map(({ entries }) => entries),
        [3],
      );
      const last = entryKeys.at(-1) ?? "";
      assert.notEqual(await entryAt(at.fenceKeys, last), null, "the newest is among them");
    });

    test("a probe tries what requests need, and leaves nothing behind", async () => {
      const held = async () => (await store.serverReport())?.keys ?? 0;
      const before = await held();
      await store.ping();
      // What expires meanwhile is another matter.
      assert.ok((await held()) <= before);
    });

    test("a group that is suspended is neither read nor filled until it is not, but its fences can be replaced", async () => {
      if (!store.suspend) return;
      const at = place();
      const group = store.groupOf(at.entryKey);
      const start = await begin(at);
      store.suspend(group, true);
      const unavailable = { name: "GroupUnavailable", group };
      await assert.rejects(store.read(at.fenceKeys, [at.entryKey]), unavailable);
      await assert.rejects(begin(at), unavailable);
      await assert.rejects(commit(at, start), unavailable);
      await store.replaceFences(at.fenceKeys, MINUTE_MS);
      store.suspend(group, false);
      assert.equal(await commit(at, start), false, "overtaken meanwhile");
      assert.equal(await commit(at, await begin(at)), true);
    });

    testKeyedStore(() => ({ store, keys }));
    describeSweeps(() => ({ store, keys }));
    describeQuotas(() => ({ store, keys }));

    test("removing an entry leaves its neighbours", async () => {
      const at = place();
      const start = await begin(at);
      const neighbour = keys.entry(at.tenant, at.module, "h2");
      await commit(at, start);
      await commit(at, start, Buffer.from("n"), { entryKey: neighbour });
      await store.remove(at.entryKey);
      assert.equal(await entryAt(at.fenceKeys, at.entryKey), null);
      assert.notEqual(await entryAt(at.fenceKeys, neighbour), null);
    });

    test("the inventory counts entries and bytes by tenant and module", async () => {
      const at = place("accounts");
      const other = place("leads", at.tenant);
      for (const of of [at, other]) await commit(of, await begin(of), Buffer.alloc(1000));
      const { rows, complete } = await store.inventory({ tenant: at.tenant, maxKeys: 1000 });
      assert.equal(complete, true);
      assert.deepEqual(rows.map(({ module, entries }) => `${module} ${entries}`).sort(), [
        "accounts 1",
        "leads 1",
      ]);
      for (const { bytes } of rows) assert.ok(bytes >= 1000);
    });

    test("the server report has figures", async () => {
      const report = await store.serverReport();
      assert.ok((report?.keys ?? 0) > 0);
      assert.ok((report?.usedMemoryBytes ?? 0) > 0);
      await store.ping();
    });
  });
}
