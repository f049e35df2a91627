// Bounds of work: how much runs at a time, whose turn it is, and what finds no room to wait in.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { BoundedWork, TooMuchWork, type WorkBounds } from "../../http/bounded-work.js";

/** Work that ends when it is told to. */
function world(bounds: WorkBounds) {
  const work = new BoundedWork(bounds);
  const running: { readonly name: string; readonly end: (error?: Error) => void }[] = [];
  const begin = (caller: string, name = caller) => {
    const done = work.run(
      caller,
      () =>
        new Promise<string>((resolve, reject) => {
          running.push({ name, end: (error) => (error ? reject(error) : resolve(name)) });
        }),
    );
    done.catch(() => undefined);
    return done;
  };
  const endFirst = async (error?: Error) => {
    running.shift()?.end(error);
    await new Promise(setImmediate);
  };
  const settled = () => new Promise(setImmediate);
  return { work, running, begin, endFirst, settled, names: () => running.map(({ name }) => name) };
}

describe("bounded work", () => {
  test("so much of one caller runs at a time, the rest in its order, and others do not wait for it", async () => {
    const { begin, endFirst, settled, names } = world({ atOncePerCaller: 2, waitingPerCaller: 10 });
    for (const name of ["a1", "a2", "a3", "a4"]) begin("a", name);
    await settled();
    assert.deepEqual(names(), ["a1", "a2"]);
    begin("b", "b1");
    await endFirst();
    assert.deepEqual(names().sort(), ["a2", "a3", "b1"]);
    await endFirst(new Error("failed"));
    assert.deepEqual(names().sort(), ["a3", "a4", "b1"]);
  });

  test("callers take turns where all of them together are bounded", async () => {
    const { begin, endFirst, settled, names } = world({
      atOnce: 1,
      atOncePerCaller: 1,
      waitingPerCaller: 10,
    });
    for (const name of ["a1", "a2", "a3"]) begin("a", name);
    for (const name of ["b1", "b2"]) begin("b", name);
    begin("c", "c1");
    await settled();
    const order: string[] = [];
    while (names().length > 0) {
      order.push(...names());
      await endFirst();
    }
    assert.deepEqual(order, ["a1", "b1", "c1", "a2", "b2", "a3"]);
  });

  test("what finds no room is refused at once, of one caller and of all", async () => {
    const { begin, endFirst } = world({ atOnce: 1, atOncePerCaller: 1, waitingPerCaller: 2, waiting: 3 });
    begin("a");
    begin("a");
    begin("a");
    await assert.rejects(begin("a"), TooMuchWork);
    begin("b");
    await assert.rejects(begin("c"), TooMuchWork);
    await endFirst();
    begin("c");
    await assert.rejects(begin("d"), TooMuchWork);
  });

  test("whatever comes in which order: bounds hold, everything is done, nothing is left behind", async () => {
    const calls = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), fc.nat(2)), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(calls, fc.integer({ min: 1, max: 3 }), async (all, atOnce) => {
        const work = new BoundedWork({ atOnce, atOncePerCaller: 2, waitingPerCaller: 100 });
        const running = new Map<string, number>();
        const add = (caller: string, n: number) => running.set(caller, (running.get(caller) ?? 0) + n);
        const results = await Promise.all(
          all.map(([caller, turns], index) =>
            work.run(caller, async () => {
              add(caller, 1);
              assert.ok((running.get(caller) ?? 0) <= 2);
              assert.ok([...running.values()].reduce((sum, n) => sum + n, 0) <= atOnce);
              for (let n = 0; n < turns; n++) await undefined;
              add(caller, -1);
              return index;
            }),
          ),
        );
        assert.deepEqual(results, [...all.keys()]);
      }),
    );
  });
});
