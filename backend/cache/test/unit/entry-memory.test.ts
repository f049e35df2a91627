// Why an entry is missing, as this process remembers it: also while others read and store the same one.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import type { Entry } from "../../src/codec/entry.js";
import { EntryMemory } from "../../src/engine/entry-memory.js";
import type { EntryRef } from "../../src/engine/entry-ref.js";
import { monotonicNow } from "../../src/timers.js";

const BUDGET_MS = 50;
const REF = { entryKey: "entry", fenceKeys: ["tenant", "module"] } as unknown as EntryRef;
const FENCES = "run,a.1,b.1";

const entry = (fences = FENCES, lifeMs = 60_000) =>
  ({ fences, createdAt: Date.now(), expiresAt: Date.now() + lifeMs }) as unknown as Entry;
/** A read that begins now. */
const reading = (seen: string | undefined = FENCES) => ({ seen, expiresAtMs: monotonicNow() + BUDGET_MS });

describe("the memory of entries", () => {
  test("a read that was under way while another's answer was stored has missed as that one had", () => {
    const memory = new EntryMemory(BUDGET_MS);
    const [first, second] = [reading(), reading()];
    assert.equal(memory.missed(REF, first).reason, "cold");
    memory.stored(REF, entry());
    assert.equal(memory.missed(REF, second).reason, "cold");
    assert.deepEqual([memory.counts.cold, memory.counts.evicted], [2, 0]);
  });

  test("one that began later, and finds nothing, tells of an eviction", async () => {
    const memory = new EntryMemory(BUDGET_MS);
    memory.missed(REF, reading());
    memory.stored(REF, entry());
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(memory.missed(REF, reading()).reason, "evicted");
  });

  test("what has been fenced off, is over, or was refused", async () => {
    const memory = new EntryMemory(BUDGET_MS);
    memory.stored(REF, entry());
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.deepEqual(memory.missed(REF, reading("run,a.1,b.2")), { reason: "fenced", replaced: [1] });
    memory.stored(REF, entry(FENCES, 1));
    await new Promise((resolve) => setTimeout(resolve, 5));
    assert.equal(memory.missed(REF, reading()).reason, "expired");
    memory.unstored(REF, "no-store");
    assert.deepEqual(memory.missed(REF, reading()), { reason: "unstorable", why: "no-store" });
  });
});
