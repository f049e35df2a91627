// Notes that processes share: part of the store contract for stores that have them.
// Tests: test/contract/redis-store.test.ts
import assert from "node:assert/strict";
import type { SharedNotes } from "../../store/shared-notes.js";
import { casesOf, until } from "./contract-case.js";
import { MINUTE_MS, type Places } from "./places.js";

/** Where the store has notes: it does what the case says. */
function withNotes(run: (notes: SharedNotes, key: string) => Promise<void>) {
  return async ({ store, keys }: Places) => {
    if (store.notes) await run(store.notes, keys.inventoryNote());
  };
}

export const noteCases = casesOf([], {
  "of many who look for a note, one makes it, and all read it": withNotes(async (notes, key) => {
    const looks = await Promise.all([1, 2, 3, 4].map(() => notes.look(key, MINUTE_MS)));
    assert.deepEqual(looks.map(({ state }) => state).sort(), [
      "under-way",
      "under-way",
      "under-way",
      "yours",
    ]);
    await notes.write(key, '{"a": "b c\\n"}', MINUTE_MS);
    const look = await notes.look(key, MINUTE_MS);
    assert.equal(look.state, "made");
    assert.deepEqual([look.text, look.ttlMs], ['{"a": "b c\\n"}', MINUTE_MS]);
    assert.ok(look.ageMs >= 0 && look.ageMs < MINUTE_MS);
  }),

  "a note that nobody makes, and one that is over, are the next one's": withNotes(async (notes, key) => {
    assert.equal((await notes.look(key, 1)).state, "yours");
    await until("its maker's time is over", async () => (await notes.look(key, 1)).state === "yours");
    await notes.write(key, "text", 1);
    await until("it is over", async () => (await notes.look(key, MINUTE_MS)).state === "yours");
  }),
});
