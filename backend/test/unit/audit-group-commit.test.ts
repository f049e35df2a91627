// Group commit: who waits for whom, and what happens where the database does not answer.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { holdTime } from "../../servers/in-test.js";
import { NotDurable } from "../../services/audit/audit-unavailable.js";
import { GroupCommit } from "../../services/audit/policy/group-commit.js";

/** Writes that end when the test says so. */
function held() {
  const batches: { key: string; items: readonly number[]; end(error?: Error): void }[] = [];
  const write = (key: string, items: readonly number[]) =>
    new Promise<void>((resolve, reject) => {
      batches.push({ key, items, end: (error) => (error ? reject(error) : resolve()) });
    });
  return { batches, write };
}

const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

describe("group commit", () => {
  test("what comes while a transaction is under way shares the next one, up to the bound", async () => {
    const { batches, write } = held();
    const group = new GroupCommit<number>({ write, maxBatch: 3 });
    const all = [1, 2].map((n) => group.add("a", n));
    await turn();
    all.push(...[3, 4, 5, 6].map((n) => group.add("a", n)));
    await turn();
    assert.deepEqual(
      batches.map(({ items }) => items),
      [[1, 2]],
    );
    batches[0]?.end();
    await Promise.all(all.slice(0, 2));
    await turn();
    assert.deepEqual(batches[1]?.items, [3, 4, 5]);
    batches[1]?.end();
    await turn();
    assert.deepEqual(batches[2]?.items, [6]);
    batches[2]?.end();
    await Promise.all(all);
    assert.equal(group.waiting, 0);
  });

  test("tenants do not wait for each other", async () => {
    const { batches, write } = held();
    const group = new GroupCommit<number>({ write });
    const slow = group.add("a", 1);
    const quick = group.add("b", 2);
    await turn();
    batches.find(({ key }) => key === "b")?.end();
    await quick;
    batches.find(({ key }) => key === "a")?.end();
    await slow;
  });

  test("a transaction that fails fails those in it alone", async () => {
    const { batches, write } = held();
    const group = new GroupCommit<number>({ write });
    const first = group.add("a", 1);
    await turn();
    const second = group.add("a", 2);
    batches[0]?.end(new Error("no room"));
    await assert.rejects(first, /no room/);
    await turn();
    batches[1]?.end();
    await second;
  });

  test("a database that hangs: callers wait for a bounded time, later ones not at all, and it goes on afterwards", async () => {
    const pass = holdTime(["performance", "setTimeout", "clearTimeout"]);
    const { batches, write } = held();
    const group = new GroupCommit<number>({ write, maxWaitMs: 50 });
    const first = group.add("a", 1);
    await turn();
    const second = group.add("a", 2);
    const refused = [assert.rejects(first, NotDurable), assert.rejects(second, NotDurable)];
    pass(50);
    await Promise.all(refused);
    pass(1);
    // No timer runs: whoever waited for one would wait for ever.
    await assert.rejects(group.add("a", 3), /does not answer/);
    batches[0]?.end();
    await turn();
    assert.equal(batches.length, 1, "what was given up is not written");
    const fourth = group.add("a", 4);
    await turn();
    batches[1]?.end();
    await fourth;
  });

  test("too much that waits is refused at once", async () => {
    const { batches, write } = held();
    const group = new GroupCommit<number>({ write, maxWaiting: 2 });
    const all = [group.add("a", 1), group.add("b", 2)];
    await assert.rejects(group.add("c", 3), /2 records wait/);
    await turn();
    for (const { end } of batches) end();
    await Promise.all(all);
  });

  test("without groups each item has its own transaction", async () => {
    const batches: number[] = [];
    const group = new GroupCommit<number>({
      groups: false,
      write: async (_key, items) => void batches.push(items.length),
    });
    await Promise.all([1, 2, 3].map((n) => group.add("a", n)));
    assert.deepEqual(batches, [1, 1, 1]);
  });
});
