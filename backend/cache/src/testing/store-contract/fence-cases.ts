// How fences change, what they say, and how guarded writes mark them: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { changedAtMs, isPending } from "../../store/fence-token.js";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS } from "./places.js";

/** As entries carry them: see `fence-token.ts`. */
const CARRIED = /^[\x21-\x2b\x2d-\x7e]+$/;

export const fenceCases = casesOf([], {
  "a fence is printable ASCII without a comma, and so is the run id": async (all) => {
    const at = all.place();
    const start = await all.begin(at);
    await all.store.replaceFences([at.fenceKeys[1]], MINUTE_MS);
    for (const text of [...start.fences, ...(await all.fencesAt(at)), start.runId])
      assert.match(String(text), CARRIED, "entries carry them with commas between them");
  },

  "a fence says when it was set, whatever has set it: settleMs reads that": async (all) => {
    const at = all.place();
    /** A moment after the fences were set, by the store's clock. */
    const later = async () => {
      let nowMs = 0;
      await until("the store's clock goes on", async () => {
        const start = await all.begin(at);
        nowMs = start.nowMs;
        assert.ok(!Number.isNaN(changedAtMs(start.fences)), `no time in ${start.fences.join(" ")}`);
        return nowMs > changedAtMs(start.fences);
      });
      return nowMs;
    };
    const setters: Record<string, () => Promise<void>> = {
      replaceFences: () => all.store.replaceFences(at.fenceKeys, MINUTE_MS),
      endWrite: async () => {
        await all.store.beginWrite(at.fenceKeys, "writer-1", MINUTE_MS);
        await all.store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
      },
      "a crashed write": async () => {
        await all.store.beginWrite(at.fenceKeys, "writer-1", 1);
        const isOver = async () => !(await all.begin(at)).fences.some(isPending);
        await until("the mark of a writer with a deadline of 1 ms has ended", isOver);
      },
      forgetAllFences: () => all.store.forgetAllFences(),
    };
    for (const [setter, set] of Object.entries(setters)) {
      const beforeMs = await later();
      await set();
      const { fences, nowMs } = await all.begin(at);
      for (const fence of fences) {
        const setAtMs = changedAtMs([fence]);
        assert.ok(setAtMs >= beforeMs && setAtMs <= nowMs, `${setter}: ${beforeMs} <= ${fence} <= ${nowMs}`);
      }
    }
  },

  "replaced fences are new every time": async (all) => {
    const at = all.place();
    const seen = new Set((await all.begin(at)).fences);
    for (let round = 0; round < 5; round++) {
      await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
      for (const fence of await all.fencesAt(at)) seen.add(fence ?? "missing");
    }
    assert.equal(seen.size, 2 + 5 * 2);
    assert.equal(seen.has("missing"), false);
  },

  "a guarded write keeps its fences pending until it ends, and leaves new ones": async (all) => {
    const at = all.place();
    const before = await all.begin(at);
    await all.store.beginWrite(at.fenceKeys, "writer-1", MINUTE_MS);
    assert.equal(
      (await all.fencesAt(at)).every((fence) => fence !== null && isPending(fence)),
      true,
    );
    assert.equal(await all.commit(at, before), false);
    await all.store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
    const afterwards = await all.store.read(at.fenceKeys, []);
    assert.equal(
      afterwards.fences.some((fence) => fence === null || isPending(fence) || before.fences.includes(fence)),
      false,
    );
  },

  "overlapping guarded writes: pending until the last has ended; an unguarded one does not end them": async (
    all,
  ) => {
    const at = all.place();
    await all.store.beginWrite(at.fenceKeys, "writer-1", MINUTE_MS);
    await all.store.beginWrite(at.fenceKeys, "writer-2", MINUTE_MS);
    await all.store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
    const isStillPending = async () =>
      (await all.fencesAt(at)).every((fence) => fence !== null && isPending(fence));
    assert.equal(await isStillPending(), true);
    await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
    assert.equal(await isStillPending(), true);
    await all.store.endWrite(at.fenceKeys, "writer-2", MINUTE_MS);
    assert.equal(await isStillPending(), false);
  },

  "a crashed writer's mark ends by itself and leaves new fences; a late end replaces them again": async (
    all,
  ) => {
    const at = all.place();
    const before = await all.begin(at);
    await all.store.beginWrite(at.fenceKeys, "writer-1", 1);
    let start = before;
    await until("the mark of a writer with a deadline of 1 ms has ended", async () => {
      start = await all.begin(at);
      return !start.fences.some(isPending);
    });
    assert.equal(
      start.fences.some((fence) => before.fences.includes(fence)),
      false,
    );
    await all.store.endWrite(at.fenceKeys, "writer-1", MINUTE_MS);
    assert.equal(
      await all.commit(at, start),
      false,
      "what was read while the write was under way is not stored",
    );
  },

  "a mark is written behind a fence, which keeps its time; a long or guarded one is replaced": async (
    all,
  ) => {
    const { amendFences } = all.store;
    // For the stores that can: it may be left out.
    if (!amendFences) return;
    const amend = (keys: readonly string[], most: number) =>
      Reflect.apply(amendFences, all.store, [keys, "~mark", most, MINUTE_MS]);
    const at = all.place();
    const [tenantFence] = at.fenceKeys;
    await amend([tenantFence], 500);
    assert.deepEqual(await all.fencesAt(at), [null, null], "one that is not there stays so");
    const start = await all.begin(at);
    await amend([tenantFence], 500);
    const [marked] = await all.fencesAt(at);
    assert.equal(marked, `${start.fences[0]}~mark`);
    assert.equal(changedAtMs([String(marked)]), changedAtMs(start.fences.slice(0, 1)));
    assert.equal(await all.commit(at, start), false, "to a fill under way it is another fence");
    await amend([tenantFence], String(marked).length);
    const [replaced] = await all.fencesAt(at);
    assert.equal(
      String(replaced).includes("~") || String(replaced).startsWith(String(start.fences[0])),
      false,
    );
    await all.store.beginWrite([tenantFence], "writer-1", MINUTE_MS);
    await amend([tenantFence], 500);
    assert.equal(
      (await all.fencesAt(at)).slice(0, 1).every((fence) => isPending(String(fence))),
      true,
    );
    await all.store.endWrite([tenantFence], "writer-1", MINUTE_MS);
  },

  "the fences that are there are listed, by how they begin and end": async (all) => {
    if (!all.store.listFences) return;
    const [at, other] = [all.place("plans"), all.place("orders")];
    await all.begin(at);
    await all.begin(other);
    const listed = async (ending: string) => {
      const keys: string[] = [];
      for await (const page of all.store.listFences?.(all.keys.allFences(), ending) ?? []) keys.push(...page);
      return [...at.fenceKeys, ...other.fenceKeys].map((key) => keys.includes(key));
    };
    assert.deepEqual(await listed(""), [true, true, true, true]);
    assert.deepEqual(await listed(":plans"), [false, true, false, false]);
  },

  "a guarded write of one module leaves the others alone": async (all) => {
    const at = all.place();
    const other = all.place("leads", at.tenant);
    const [start] = [await all.begin(other), await all.begin(at)];
    await all.store.beginWrite([at.fenceKeys[1]], "writer-1", MINUTE_MS);
    assert.equal(await all.commit(other, start), true);
    assert.deepEqual(await all.fencesAt(other), start.fences);
    await all.store.endWrite([at.fenceKeys[1]], "writer-1", MINUTE_MS);
    assert.deepEqual(await all.fencesAt(other), start.fences);
  },
});
