// How entries carry the fences of what was read, and no others.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { joinTagged } from "../../src/engine/answer-tags.js";
import { areCurrent, dependenciesOf, fencesOf, restrictedTo } from "../../src/engine/carried-fences.js";

const REF = { fenceKeys: ["tenant", "own", "a", "b", "c", "epoch"], reads: ["a", "b", "c"] };
const START = {
  tokens: ["t.1", "o.1", "a.1", "b.1", "c.1", "e.1"],
  fences: "run,t.1,o.1,a.1,b.1,c.1,e.1",
};
const seenWith = (index: number, fence: string) => START.fences.split(",").with(index, fence).join(",");

describe("the fences of an entry that has read some modules", () => {
  const start = restrictedTo(REF, START, new Set(["b"]));

  test("are the tenant's, its own module's, theirs and the epoch", () => {
    assert.deepEqual(start.fenceKeys, ["tenant", "own", "b", "epoch"]);
    assert.deepEqual(start.tokens, ["t.1", "o.1", "b.1", "e.1"]);
    assert.equal(start.fences, "run,t.1,o.1,,b.1,,e.1");
    const { fenceKeys, fences, runId } = fencesOf(REF, start.fences);
    assert.deepEqual(
      { fenceKeys, tokens: fences, runId },
      { fenceKeys: start.fenceKeys, tokens: start.tokens, runId: "run" },
    );
  });

  test("are current whatever becomes of others", () => {
    for (const [index, isCurrent] of [
      [1, false],
      [2, false],
      [3, true],
      [4, false],
      [5, true],
      [6, false],
    ] as const)
      assert.equal(areCurrent(REF, start.fences, seenWith(index, "x.9")), isCurrent, String(index));
    assert.equal(areCurrent(REF, start.fences, seenWith(0, "other")), false);
    assert.equal(areCurrent(REF, start.fences, "run,t.1,o.1,a.1,b.1"), false);
  });

  test("are what an entry in the process is compared by", () => {
    const carried = { runId: "run", fences: [] };
    assert.deepEqual(dependenciesOf(REF, { fences: start.fences, carried }).fenceKeys, start.fenceKeys);
  });

  test("stand in front of those of its tags, and the fence of any tag is not one of them", () => {
    const ref = {
      ...REF,
      fenceKeys: [...REF.fenceKeys, "any"],
      carriesTags: true,
      tagFence: (tag: string) => `tag ${tag}`,
    };
    const begun = { tokens: [...START.tokens, "any.1"], fences: `${START.fences},any.1` };
    const { fences } = restrictedTo(ref, begun, new Set(["c"]));
    const joined = joinTagged(fences, ["x"], ["x.1"]);
    assert.deepEqual(fencesOf(ref, joined), {
      fenceKeys: ["tenant", "own", "c", "epoch", "tag x"],
      runId: "run",
      fences: ["t.1", "o.1", "c.1", "e.1", "x.1"],
    });
    assert.equal(areCurrent(ref, joined, `${seenWith(3, "a.9")},any.1`), true);
    assert.equal(areCurrent(ref, joined, `${seenWith(3, "a.9")},any.9`), "by-tags");
    assert.equal(areCurrent(ref, joined, `${seenWith(5, "c.9")},any.1`), false);
  });
});
