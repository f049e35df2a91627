// Which tenants are named in metrics: few whatever happens, and nothing is lost, counted twice or taken back.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { Counters } from "../../src/engine/counters.js";
import { BusiestTenants, OTHER } from "../../src/metrics/busiest-tenants.js";

const MINUTE_MS = 60_000;

function world(most: number) {
  const counters = new Counters();
  let nowMs = 0;
  const busiest = new BusiestTenants(counters, most, () => nowMs);
  const hits = (tenant: string, times: number) => counters.add("hits", tenant, "items", times);
  const read = () => new Map(busiest.read().map(([tenant, counts]) => [tenant, counts.hits]));
  const pass = (ms: number) => {
    nowMs += ms;
  };
  return { counters, busiest, hits, read, pass };
}

describe("the busiest tenants", () => {
  test("of 10,000 the busiest have a name, and all others are one", () => {
    const { hits, read } = world(20);
    for (let n = 0; n < 10_000; n++) hits(`tenant-${n}`, n % 500 === 0 ? 1000 + n : 1);
    const rows = read();
    assert.equal(rows.size, 21);
    for (let n = 0; n < 10_000; n += 500) assert.equal(rows.get(`tenant-${n}`), 1000 + n);
    assert.equal(rows.get(OTHER), 10_000 - 20);
  });

  test("one that is named later starts at 0: what was shown among the rest stays there", () => {
    const { hits, read, pass } = world(1);
    hits("first", 10);
    hits("second", 5);
    assert.deepEqual(
      [...read()],
      [
        ["first", 10],
        [OTHER, 5],
      ],
    );
    hits("second", 1000);
    assert.deepEqual(
      [...read()],
      [
        ["first", 10],
        [OTHER, 1005],
      ],
      "names change once a minute",
    );
    pass(MINUTE_MS);
    assert.deepEqual(
      [...read()],
      [
        ["second", 0],
        [OTHER, 1005],
      ],
      "what the first had is not in the rest",
    );
    hits("second", 3);
    hits("first", 2);
    assert.deepEqual(
      [...read()],
      [
        ["second", 3],
        [OTHER, 1007],
      ],
    );
  });

  test("a name changes hands where another is clearly busier, lately", () => {
    const { hits, read, pass, busiest } = world(2);
    hits("past", 1000);
    hits("steady", 500);
    read();
    for (let n = 0; n < 60; n++) {
      pass(MINUTE_MS);
      hits("steady", 100);
      hits("rising", 80);
      read();
    }
    assert.deepEqual([...busiest.names].sort(), ["rising", "steady"]);
    hits("alike", 90 * 20);
    pass(MINUTE_MS);
    hits("alike", 1);
    read();
    assert.ok(busiest.names.includes("alike"), "at most a quarter at a time, and one at least");
  });

  test("a tenant that is called as the rest is part of it", () => {
    const { hits, read } = world(5);
    hits(OTHER, 7);
    hits("one", 1);
    assert.deepEqual(
      [...read()],
      [
        ["one", 1],
        [OTHER, 7],
      ],
    );
  });

  test("none is named where none may be", () => {
    const { hits, read } = world(0);
    hits("one", 4);
    assert.deepEqual([...read()], [[OTHER, 4]]);
  });

  test("whoever is named when: the sum is what was counted, and nothing goes down but by starting anew", () => {
    const step = fc.record({
      tenant: fc.integer({ min: 0, max: 9 }),
      times: fc.integer({ min: 1, max: 500 }),
      passMs: fc.constantFrom(0, MINUTE_MS, 30 * MINUTE_MS),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 4 }), (steps, most) => {
        const { hits, read, pass } = world(most);
        let increases = 0;
        let counted = 0;
        let before = new Map<string, number>();
        for (const { tenant, times, passMs } of steps) {
          hits(`tenant-${tenant}`, times);
          counted += times;
          pass(passMs);
          const rows = read();
          assert.ok(rows.size <= most + 1);
          // As `increase()` sees it: what has not been there before, or is less than it was, starts at 0.
          for (const [name, value] of rows) {
            const was = before.get(name) ?? 0;
            increases += value >= was ? value - was : value;
          }
          assert.ok((rows.get(OTHER) ?? 0) >= (before.get(OTHER) ?? 0), "the rest never goes down");
          assert.equal(increases, counted);
          before = rows;
        }
      }),
      { numRuns: 1000 },
    );
  });
});
