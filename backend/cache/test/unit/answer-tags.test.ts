// How entries carry the fences of tags that their answers have named, and when those must be read.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { joinTagged } from "../../src/engine/answer-tags.js";
import { areCurrent, fencesOf } from "../../src/engine/carried-fences.js";
import type { EntryRef } from "../../src/engine/entry-ref.js";

const PLAIN = { fenceKeys: ["tenant", "module"] } as unknown as EntryRef;
const TAGGED = {
  fenceKeys: ["tenant", "module", "any"],
  carriesTags: true,
  tagFence: (tag: string) => `tag ${tag}`,
} as unknown as EntryRef;

describe("the fences of an entry whose answer has named tags", () => {
  const joined = joinTagged("run,t.1,m.2,any.3", ["a", "b"], ["a=.4", "b.5"]);

  test("are taken apart again, whatever a store writes into a fence", () => {
    assert.deepEqual(fencesOf(TAGGED, joined), {
      fenceKeys: ["tenant", "module", "tag a", "tag b"],
      runId: "run",
      fences: ["t.1", "m.2", "a=.4", "b.5"],
    });
    assert.deepEqual(fencesOf(PLAIN, "run,t.1,m.2").fences, ["t.1", "m.2"]);
  });

  test("are current where no tag was invalidated, and to be read where one was", () => {
    assert.equal(areCurrent(TAGGED, joined, "run,t.1,m.2,any.3"), true);
    assert.equal(areCurrent(TAGGED, joined, "run,t.1,m.2,any.9"), "by-tags");
    for (const seen of ["run,t.1,m.9,any.3", "run,t.9,m.2,any.3", "other,t.1,m.2,any.3", "run,t.1,m.2,any"])
      assert.notEqual(areCurrent(TAGGED, joined, seen), true, seen);
    assert.equal(areCurrent(TAGGED, joined, "run,t.1,m.9,any.9"), false);
    assert.equal(areCurrent(PLAIN, joined, "run,t.1,m.2,any.3"), false);
  });
});
