// Why fences were replaced, and looking without touching: parts of the store contract for stores that have them.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import type { CauseNote } from "../../store/cause-log.js";
import { changedAtMs, isPending } from "../../store/fence-token.js";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS, type Place, type Places } from "./places.js";

const LIMIT = 100;

function noteOf(all: Places, at: Place, text: string, more: Partial<CauseNote> = {}): CauseNote {
  return { key: all.keys.causes(at.tenant), text, maxNotes: LIMIT, ttlMs: MINUTE_MS, ...more };
}

function causesOf(all: Places, at: Place, limit = LIMIT, sinceMs = 0) {
  return all.store.readCauses?.(all.keys.causes(at.tenant), { sinceMs, limit });
}

export const causeCases = casesOf([], {
  "a store that keeps causes keeps them with the fences: the newest first, each with their time": async (
    all,
  ) => {
    if (!all.store.readCauses) return;
    const at = all.place();
    assert.deepEqual(await causesOf(all, at), []);
    await all.begin(at);
    await all.store.replaceFences([at.fenceKeys[1]], MINUTE_MS, noteOf(all, at, "replaced"));
    const [, replaced] = await all.fencesAt(at);
    await all.store.beginWrite([at.fenceKeys[0]], "writer-1", MINUTE_MS);
    await all.store.endWrite([at.fenceKeys[0]], "writer-1", MINUTE_MS, noteOf(all, at, "ended"));
    const [ended] = await all.fencesAt(at);
    const timeOf = (fence: string | null | undefined) => changedAtMs([fence ?? ""]);
    assert.deepEqual(await causesOf(all, at), [
      { text: "ended", atMs: timeOf(ended) },
      { text: "replaced", atMs: timeOf(replaced) },
    ]);
    assert.deepEqual(
      (await causesOf(all, at, 1))?.map(({ text }) => text),
      ["ended"],
    );
    assert.deepEqual(await causesOf(all, at, LIMIT, timeOf(ended) + MINUTE_MS), []);
    assert.deepEqual(await causesOf(all, all.place()), [], "another tenant's");
  },

  "a cause of fences that are amended is kept, too": async (all) => {
    if (!all.store.readCauses || !all.store.amendFences) return;
    const at = all.place();
    await all.begin(at);
    await all.store.amendFences([at.fenceKeys[0]], "~mark", 512, MINUTE_MS, noteOf(all, at, "amended"));
    assert.ok((await all.fencesAt(at))[0]?.endsWith("~mark"));
    assert.deepEqual(
      (await causesOf(all, at))?.map(({ text }) => text),
      ["amended"],
    );
  },

  "the causes of a tenant are bounded: the newest stay": async (all) => {
    if (!all.store.readCauses) return;
    const at = all.place();
    const written = 3 * LIMIT;
    for (let n = 0; n < written; n++)
      await all.store.replaceFences(at.fenceKeys, MINUTE_MS, noteOf(all, at, `cause ${n}`, { maxNotes: 20 }));
    const kept = (await causesOf(all, at, written)) ?? [];
    assert.ok(kept.length >= 20 && kept.length < written - LIMIT, `${kept.length} are kept`);
    assert.equal(kept[0]?.text, `cause ${written - 1}`);
  },

  "fences are replaced whatever the cause says": async (all) => {
    const at = all.place();
    const before = await all.begin(at);
    await all.store.replaceFences(
      at.fenceKeys,
      MINUTE_MS,
      noteOf(all, at, `\u0000é,\n"'${"x".repeat(4096)}`),
    );
    const after = await all.fencesAt(at);
    assert.equal(after.length, 2);
    for (const fence of after) {
      assert.ok(fence !== null && !isPending(fence));
      assert.ok(!before.fences.includes(fence));
    }
  },

  "what a note announces is heard on its channel, with the fences' milliseconds, until that is ended": async (
    all,
  ) => {
    if (!all.store.hear) return;
    const at = all.place();
    const channel = all.keys.invalidated();
    const heard: string[] = [];
    const end = all.store.hear(channel, (text) => heard.push(text));
    const note = (text: string) => noteOf(all, at, text, { announce: { channel, from: "process tenant" } });
    const replace = (text: string) => all.store.replaceFences([at.fenceKeys[0]], MINUTE_MS, note(text));
    const hasHeard = (text: string) => heard.some((each) => each.endsWith(` ${text}`));
    // It is subscribed a moment after the call.
    await until("what is announced is heard", async () => {
      await replace("a first one, again");
      return hasHeard("a first one, again");
    });
    await replace('{"a":"last one"}');
    const atMs = changedAtMs([(await all.fencesAt(at))[0] ?? ""]);
    await all.store.beginWrite([at.fenceKeys[1]], "writer-1", MINUTE_MS);
    await all.store.endWrite([at.fenceKeys[1]], "writer-1", MINUTE_MS, note("a guarded one"));
    await all.store.amendFences?.([at.fenceKeys[0]], "~mark", 512, MINUTE_MS, note("an amended one"));
    await until("each is heard", async () => {
      const amended = !all.store.amendFences || hasHeard("an amended one");
      return hasHeard('{"a":"last one"}') && hasHeard("a guarded one") && amended;
    });
    assert.ok(heard.includes(`process tenant ${atMs} {"a":"last one"}`), heard.join("; "));
    end();
    const before = heard.length;
    for (let n = 0; n < 3; n++) await replace("nobody hears it");
    assert.equal(heard.slice(before).filter((text) => text.endsWith("nobody hears it")).length, 0);
  },

  "whoever ends its hearing hears nothing more, of what is under way neither": async (all) => {
    const { hear } = all.store;
    if (!hear) return;
    const at = all.place();
    const channel = all.keys.invalidated();
    const note = (text: string) => noteOf(all, at, text, { announce: { channel, from: "process tenant" } });
    const replace = (text: string) => all.store.replaceFences([at.fenceKeys[0]], MINUTE_MS, note(text));
    const heard: string[] = [];
    const heardByAnother: string[] = [];
    const end = hear.call(all.store, channel, (text) => {
      heard.push(text);
      if (text.includes(" one of many ")) end();
    });
    const endAnother = hear.call(all.store, channel, (text) => heardByAnother.push(text));
    try {
      await until("both hear", async () => {
        await replace("a first one");
        return heard.length > 0 && heardByAnother.length > 0;
      });
      const many = Array.from({ length: 20 }, (_, n) => `one of many ${n}`);
      await Promise.all(many.map(replace));
      const ofMany = () => heard.filter((text) => text.includes(" one of many "));
      await until("one hears one of them, another all", async () => {
        const areAllHeard = many.every((text) => heardByAnother.some((each) => each.endsWith(` ${text}`)));
        return ofMany().length > 0 && areAllHeard;
      });
      assert.equal(ofMany().length, 1);
    } finally {
      end();
      endAnother();
    }
  },

  "who only looks sees what is there, and makes nothing": async (all) => {
    if (!all.store.peek) return;
    const at = all.place();
    const { tenant, module, entryKey, fenceKeys } = at;
    const request = { tenant, module, entryKey, fenceKeys };
    const nothing = await all.store.peek(request);
    assert.deepEqual(nothing.fences, [null, null]);
    assert.equal(nothing.entry, null);
    assert.equal(nothing.isListed, false);
    assert.deepEqual(await all.fencesAt(at), [null, null], "no fence was made");
    const start = await all.begin(at);
    assert.equal(await all.commit(at, start), true);
    const seen = await all.store.peek(request);
    assert.deepEqual(seen.fences, start.fences);
    assert.equal(seen.runId, start.runId);
    assert.equal(seen.entry?.toString(), "value");
    assert.equal(seen.isListed, true);
    assert.equal(seen.moduleEntries, 1);
  },
});
