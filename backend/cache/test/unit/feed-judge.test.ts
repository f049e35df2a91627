// The judge of the feed's freshness: what is too old, what is from a state that was put back, and what is neither.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { FeedJudge } from "../../freshness/feed-judge.js";

function opened() {
  const judge = new FeedJudge(250);
  const commit = (atMs: number) => {
    const version = judge.issue("t items");
    judge.committed("t items", version, "update", atMs);
    return version;
  };
  const kinds = () => judge.violations.map(({ kind, expected }) => `${kind} ${expected}`);
  const read = (startedAtMs: number, seen: number) => judge.judge("t items", startedAtMs, seen, "hit");
  return { judge, commit, kinds, read };
}

test("a read that begins x after a COMMIT must show it, and one that begins sooner need not", () => {
  const { commit, kinds, read } = opened();
  commit(1000);
  commit(1100);
  read(1249, 0);
  read(1250, 1);
  read(1349, 1);
  assert.deepEqual(kinds(), []);
  read(1250, 0);
  read(1350, 1);
  assert.deepEqual(kinds(), ["old 1", "old 2"]);
});

test("what was never answered is not asked for, and may be seen", () => {
  const { judge, kinds, read } = opened();
  judge.issue("t items");
  read(5000, 0);
  read(5000, 1);
  assert.deepEqual(kinds(), []);
});

test("once the database was put back nothing of later may be seen; what is written then is asked for again", () => {
  const { judge, commit, kinds, read } = opened();
  commit(1000);
  commit(1100);
  judge.goesBack();
  read(2000, 2);
  judge.restored(3000);
  read(3100, 2);
  read(3250, 0);
  assert.deepEqual(kinds(), []);
  read(3250, 1);
  read(3250, 2);
  assert.deepEqual(kinds(), ["lost 0", "lost 0"]);
  assert.equal(commit(4000), 3);
  read(4250, 3);
  read(4250, 2);
  assert.deepEqual(kinds(), ["lost 0", "lost 0", "old 3", "lost 0"]);
});

test("of a long run it forgets what every read must show, but not that it must", () => {
  const { commit, kinds, read } = opened();
  for (let n = 0; n < 500; n++) commit(n);
  read(100_000, 500);
  read(100_000, 499);
  assert.deepEqual(kinds(), ["old 500"]);
});
