// Marks of forgotten URLs behind a tenant's fence: which entries from before are still valid.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { markOf, rebased } from "../../src/engine/forgotten-urls.js";

const identityOf = (path: string, query: unknown, module = "accounts") =>
  `acme ${module} ${JSON.stringify(["http://h", path, query, "", []])}`;
const LIST = identityOf("/accounts", [["page", "2"]]);

describe("a fence with marks", () => {
  const before = "run,t.1,m.2";
  const after = (...marks: string[]) => `run,t.1${marks.join("")},m.2`;
  const isLost = (identity: string, ...marks: string[]) =>
    rebased(identity, before, after(...marks)) !== after(...marks);

  test("names what was forgotten, by path and by query, and nothing else", () => {
    const page2 = markOf("/accounts", [["page", "2"]]);
    assert.ok(isLost(LIST, page2));
    assert.ok(isLost(LIST, markOf("/other"), page2), "the second mark");
    assert.ok(isLost(LIST, markOf("/accounts")), "all queries of the path");
    assert.ok(
      isLost(identityOf("/accounts", "{page:2}"), page2),
      "a query that the route understands itself",
    );
    for (const other of [
      identityOf("/accounts", []),
      identityOf("/accounts", [["page", "3"]]),
      identityOf("/accounts/2", [["page", "2"]]),
      "acme users:profile:42",
    ])
      assert.ok(!isLost(other, page2), other);
  });

  test("of a path, however it is spelled", () => {
    for (const spelled of ["/Accounts", "/accounts/", "/%61ccounts", "/%41CCOUNTS/"]) {
      assert.ok(isLost(identityOf(spelled, []), markOf("/accounts")), spelled);
      assert.ok(isLost(identityOf("/accounts", []), markOf(spelled)), spelled);
    }
    assert.ok(!isLost(identityOf("/accounts/%zz", []), markOf("/accounts")));
    assert.ok(isLost(identityOf("/accounts/%zz", []), markOf("/accounts/%zz")));
  });

  test("counts from where the entry was stored", () => {
    const mark = markOf("/accounts");
    assert.equal(rebased(LIST, after(mark), after(mark, markOf("/x"))), after(mark, markOf("/x")));
    assert.equal(rebased(LIST, after(mark), after(mark, mark)), after(mark), "forgotten once more");
  });

  test("of another generation says nothing", () => {
    for (const seen of ["run,t.2,m.2", "run,t.12,m.2", `run,t.9${markOf("/x")},m.2`])
      assert.equal(rebased(LIST, before, seen), before, seen);
    assert.notEqual(rebased(LIST, before, `run,t.1${markOf("/x")},m.9`), `run,t.1${markOf("/x")},m.9`);
    assert.notEqual(rebased(LIST, before, `new,t.1${markOf("/x")},m.2`), `new,t.1${markOf("/x")},m.2`);
  });
});
