// Who fills an entry, and who waits: part of the store contract.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS } from "./places.js";

export const leaseCases = casesOf([], {
  "one holder leads, others wait, and a commit gives the lease back": async (all) => {
    const at = all.place();
    const leader = await all.begin(at, "holder-1");
    assert.equal(leader.lease, "leading");
    assert.equal((await all.begin(at, "holder-2")).lease, "waiting");
    await all.store.abandonFill({ key: at.leaseKey, holder: "holder-2" }, 0);
    assert.equal((await all.begin(at, "holder-2")).lease, "waiting", "only its holder gives a lease back");
    await all.store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, 0);
    const next = await all.begin(at, "holder-2");
    assert.equal(next.lease, "leading");
    assert.equal(await all.commit(at, next, undefined, { holder: "holder-2" }), true);
    const last = await all.begin(at, "holder-3");
    assert.equal(last.lease, "leading");
    await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
    assert.equal(await all.commit(at, last, undefined, { holder: "holder-3" }), false);
    assert.equal(
      (await all.begin(at, "holder-4")).lease,
      "leading",
      "one that was fenced gives it back, too",
    );
  },

  "a look takes no lease where an entry has the current fences, and takes it where a fence has cut that off":
    async (all) => {
      const at = all.place();
      const look = (holder: string) => all.begin(at, holder, { unlessStored: true });
      const start = await look("holder-1");
      assert.equal(start.lease, "leading");
      assert.equal(start.entry, null);
      await all.store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, 0);
      // As entries do, it carries its fences in front of its body.
      const value = [Buffer.from(`head,${start.fences.join()}`), Buffer.from("body")];
      assert.equal(await all.commit(at, start, value), true);
      const found = await look("holder-2");
      assert.equal(found.lease, "none");
      assert.deepEqual(found.entry, Buffer.concat(value));
      await all.store.replaceFences(at.fenceKeys.slice(1), MINUTE_MS);
      assert.equal((await look("holder-3")).lease, "leading");
    },

  "a dead holder's lease ends by itself": async (all) => {
    const at = all.place();
    assert.equal((await all.begin(at, "dead", { leaseTtlMs: 1 })).lease, "leading");
    const isNext = async () => (await all.begin(at, "next")).lease === "leading";
    await until("a lease of 1 ms has ended", isNext);
  },

  "a lease of older fences holds nobody up": async (all) => {
    const at = all.place();
    assert.equal((await all.begin(at, "older")).lease, "leading");
    await all.store.replaceFences(at.fenceKeys, MINUTE_MS);
    assert.equal((await all.begin(at, "younger")).lease, "leading");
  },

  "an entry known not to be storable is not waited for": async (all) => {
    const at = all.place();
    assert.equal((await all.begin(at, "holder-1")).lease, "leading");
    await all.store.abandonFill({ key: at.leaseKey, holder: "holder-1" }, MINUTE_MS);
    assert.equal((await all.begin(at, "holder-2")).lease, "skipped");
  },

  "of many who begin at once, one leads": async (all) => {
    const at = all.place();
    const starts = await Promise.all(["a", "b", "c", "d"].map((holder) => all.begin(at, holder)));
    assert.deepEqual(starts.map(({ lease }) => lease).sort(), ["leading", "waiting", "waiting", "waiting"]);
    assert.equal(
      new Set(starts.map(({ fences }) => fences.join())).size,
      1,
      "all of them see the same fences",
    );
  },
});
