// How every store reads, fills and bounds entries: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { changedAtMs } from "../../store/fence-token.js";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS } from "./places.js";

export const fillCases = casesOf([], {
  "a place nobody has filled has neither entry nor fences": async (all) => {
    const at = all.place();
    const snapshot = await all.store.read(at.fenceKeys, [at.entryKey]);
    assert.deepEqual(snapshot.entries, [null]);
    assert.deepEqual(snapshot.fences, [null, null]);
    assert.notEqual(snapshot.runId, "");
  },

  "a fill creates the missing fences, differently each, and keeps those that are there": async (all) => {
    const at = all.place();
    const first = await all.begin(at);
    assert.equal(new Set(first.fences).size, 2);
    assert.deepEqual((await all.begin(at)).fences, first.fences);
    assert.deepEqual(await all.fencesAt(at), first.fences);
    const ageMs = first.nowMs - changedAtMs(first.fences);
    assert.ok(ageMs >= 0 && ageMs < MINUTE_MS, "a fence says when it was set, by the store's clock");
  },

  "a committed value comes back byte for byte, with its fences": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    const value = Buffer.from(Uint8Array.from({ length: 256 }, (_, byte) => byte));
    assert.equal(await all.commit(at, start, value), true);
    const snapshot = await all.store.read(at.fenceKeys, [at.entryKey]);
    assert.deepEqual(snapshot.entries, [value]);
    assert.deepEqual(snapshot.fences, start.fences);
    assert.equal(snapshot.runId, start.runId);
    assert.deepEqual((await all.begin(at)).entry, value);
  },

  "one round trip reads several fences and entries, each in the order asked for": async (all) => {
    const at = all.place();
    const other = all.entryKey(at, "h2");
    const start = await all.begin(at);
    await all.commit(at, start, Buffer.from("first"));
    await all.commit(at, start, Buffer.from("second"), { entryKey: other });
    const missing = all.entryKey(at, "h3");
    const fenceKeys = [...at.fenceKeys].reverse();
    const snapshot = await all.store.read(fenceKeys, [other, missing, at.entryKey]);
    assert.deepEqual(snapshot.fences, [...start.fences].reverse());
    assert.deepEqual(snapshot.entries, [Buffer.from("second"), null, Buffer.from("first")]);
    assert.equal(snapshot.runId, start.runId);
  },

  "a fill that a replaced fence has overtaken stores nothing, whichever fence it was": async (all) => {
    for (const overtaken of [0, 1]) {
      const at = all.place();
      const start = await all.begin(at);
      await all.store.replaceFences([at.fenceKeys[overtaken] ?? ""], MINUTE_MS);
      assert.equal(await all.commit(at, start), false);
      assert.equal(await all.entryAt(at.fenceKeys, at.entryKey), null);
    }
  },

  "a fill that began before a fence was lost stores nothing": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    await all.store.forgetAllFences();
    assert.equal(await all.commit(at, start), false);
    const next = await all.begin(at);
    assert.equal(
      next.fences.some((fence) => start.fences.includes(fence)),
      false,
    );
  },

  "entries expire": async (all) => {
    const at = all.place();
    await all.commit(at, await all.begin(at), Buffer.from("short"), { ttlMs: 1 });
    const isGone = async () => (await all.entryAt(at.fenceKeys, at.entryKey)) === null;
    await until("an entry with a TTL of 1 ms is gone", isGone);
  },

  "an expected value: written over that one only, or only where there is none": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    const write = (value: string, expected: string | null) =>
      all.commit(at, start, Buffer.from(value), {
        expected: expected === null ? null : Buffer.from(expected),
      });
    assert.equal(await write("first", "something"), false);
    assert.equal(await write("first", null), true);
    assert.equal(await write("second", null), false);
    assert.equal(await write("third", "second"), false);
    assert.equal(String(await all.entryAt(at.fenceKeys, at.entryKey)), "first");
    assert.equal(await write("fourth", "first"), true);
    assert.equal(String(await all.entryAt(at.fenceKeys, at.entryKey)), "fourth");
  },

  "of many who write at once where there is none, one does; over the same value, too": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    for (const expected of [null, Buffer.from("first")]) {
      const write = (value: string) => all.commit(at, start, Buffer.from(value), { expected });
      const stored = await Promise.all(["a", "b", "c", "d"].map(write));
      assert.equal(stored.filter(Boolean).length, 1);
      await all.commit(at, start, Buffer.from("first"));
    }
  },

  "entries of one tenant are not another's, whatever their ids look like": async (all) => {
    const victim = all.place("accounts", "ab");
    await all.commit(victim, await all.begin(victim));
    for (const tenant of ["*", "a?", "a", "ab.", "AB"]) {
      const at = all.place("accounts", tenant);
      await all.begin(at);
      await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
      assert.equal(await all.entryAt(at.fenceKeys, at.entryKey), null, tenant);
    }
    const snapshot = await all.store.read(victim.fenceKeys, [victim.entryKey]);
    assert.equal(String(snapshot.entries[0]), "value");
    assert.deepEqual(snapshot.fences, (await all.begin(victim)).fences);
  },

  "a module holds at most its number of entries": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    const entryKeys = Array.from({ length: 8 }, (_, index) => all.entryKey(at, `h${index}`));
    for (const entryKey of entryKeys)
      await all.commit(at, start, Buffer.from("v"), { entryKey, maxEntries: 3 });
    const { rows } = await all.store.inventory({ tenant: at.tenant, maxKeys: 1000 });
    assert.deepEqual(
      rows.map(({ entries }) => entries),
      [3],
    );
    const last = entryKeys.at(-1) ?? "";
    assert.notEqual(await all.entryAt(at.fenceKeys, last), null, "the newest is among them");
  },

  "a probe tries what requests need, and leaves nothing behind": async (all) => {
    const held = async () => (await all.store.serverReport())?.keys ?? 0;
    const before = await held();
    await all.store.ping();
    // What expires meanwhile is another matter.
    assert.ok((await held()) <= before);
  },

  "a tenant is of one group; one that is suspended is neither read nor filled until it is not, but its fences can be replaced":
    async (all) => {
      const at = all.place();
      const group = all.store.groupOf(at.entryKey);
      for (const key of [...at.fenceKeys, at.leaseKey, all.place("leads", at.tenant).entryKey])
        assert.equal(all.store.groupOf(key), group, "the keys of one tenant are of one group");
      if (!all.store.suspend) return;
      const start = await all.begin(at);
      all.store.suspend(group, true);
      const unavailable = { name: "GroupUnavailable", group };
      await assert.rejects(all.store.read(at.fenceKeys, [at.entryKey]), unavailable);
      await assert.rejects(all.begin(at), unavailable);
      await assert.rejects(all.commit(at, start), unavailable);
      await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
      all.store.suspend(group, false);
      assert.equal(await all.commit(at, start), false, "overtaken meanwhile");
      assert.equal(await all.commit(at, await all.begin(at)), true);
    },

  "removing an entry leaves its neighbours": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    const neighbour = all.entryKey(at, "h2");
    await all.commit(at, start);
    await all.commit(at, start, Buffer.from("n"), { entryKey: neighbour });
    await all.store.remove(at.entryKey);
    assert.equal(await all.entryAt(at.fenceKeys, at.entryKey), null);
    assert.notEqual(await all.entryAt(at.fenceKeys, neighbour), null);
  },

  "the inventory counts entries and bytes by tenant and module": async (all) => {
    const at = all.place("accounts");
    const other = all.place("leads", at.tenant);
    for (const of of [at, other]) await all.commit(of, await all.begin(of), Buffer.alloc(1000));
    const { rows, complete } = await all.store.inventory({ tenant: at.tenant, maxKeys: 1000 });
    assert.equal(complete, true);
    assert.deepEqual(rows.map(({ module, entries }) => `${module} ${entries}`).sort(), [
      "accounts 1",
      "leads 1",
    ]);
    for (const { bytes } of rows) assert.ok(bytes >= 1000);
  },

  "the server report is null or has figures": async (all) => {
    const at = all.place();
    await all.commit(at, await all.begin(at));
    const report = await all.store.serverReport();
    for (const figure of [report?.keys, report?.usedMemoryBytes])
      assert.ok((figure ?? null) === null || Number(figure) > 0, String(figure));
  },
});
