// Memory that is lent again: never to two at once, however it is given back.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { LentMemory } from "../../src/store/redis/lent-memory.js";

type Step = { readonly lend: number } | { readonly giveBack: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ lend: fc.oneof(fc.nat(20_000), fc.constantFrom(0, 4096, 4097, 1 << 20, (1 << 20) + 1)) }),
  fc.record({ giveBack: fc.nat(30) }),
);

describe("lent memory", () => {
  test("no two borrowers have the same bytes, whatever is given back, how often and by whom", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const memory = new LentMemory();
        const lent = new Map<Buffer, number>();
        const past: Buffer[] = [];
        for (const [mark, each] of steps.entries()) {
          if ("lend" in each) {
            const buffer = memory.lend(each.lend);
            assert.equal(buffer.length, each.lend);
            lent.set(buffer.fill(mark), mark);
            past.push(buffer);
          } else {
            // Also one that was given back before, and may have been lent again since.
            const buffer = past[each.giveBack % Math.max(past.length, 1)];
            if (!buffer) continue;
            memory.giveBack(buffer);
            lent.delete(buffer);
          }
        }
        for (const [buffer, mark] of lent) assert.ok(buffer.every((byte) => byte === mark));
      }),
      { numRuns: 300 },
    );
  });

  test("what is given back is lent again; what is not the store's, or a part of it, is not", () => {
    const memory = new LentMemory();
    const first = memory.lend(20_000);
    memory.giveBack(first.subarray(0, 10));
    memory.giveBack(Buffer.alloc(20_000));
    assert.notEqual(memory.lend(20_000).buffer, first.buffer);
    memory.giveBack(first);
    assert.equal(memory.lend(17_000).buffer, first.buffer);
  });

  test("what waits to be lent is bounded", () => {
    const memory = new LentMemory();
    const lend = () => Array.from({ length: 40 }, () => memory.lend(1 << 20));
    const first = lend();
    for (const buffer of first) memory.giveBack(buffer);
    const known = new Set(first.map(({ buffer }) => buffer));
    assert.equal(lend().filter(({ buffer }) => known.has(buffer)).length, 8);
  });
});
