// The writer's side of read leases: whom a change waits for, and what is remembered of readers.
import assert from "node:assert/strict";
import { afterAll, describe, test } from "@jest/globals";
import { type Settlement, ToldReaders } from "../../src/store/redis/told-readers.js";
import { monotonicNow } from "../../src/timers.js";

const LEASE_MS = 100;

// Its timers keep no process alive.
const alive = setInterval(() => undefined, 1000);
afterAll(() => clearInterval(alive));

function writer() {
  const settled: Settlement[] = [];
  return { settled, told: new ToldReaders("self", (settlement) => void settled.push(settlement)) };
}

describe("readers that were told", () => {
  test("a change waits for each of them, and for those who do not answer a lease", async () => {
    const { told, settled } = writer();
    assert.equal(told.changed("g 1 1 a:3 b:5 self:9"), true);
    told.acknowledge("g", 1, "a");
    assert.ok(told.untilForgotten);
    told.acknowledge("g", 2, "b");
    assert.equal(told.untilForgotten, undefined);
    // The clock is read first: measured from there, the wait is never too short.
    const begunMs = performance.now();
    told.changed("g 3 1 a:3");
    await told.untilForgotten;
    assert.ok(performance.now() - begunMs >= LEASE_MS - 1);
    assert.deepEqual(settled, [{ generation: "g", silent: ["a:3"] }]);
  });

  test("nobody is waited for who has acknowledged a later number already", () => {
    const { told } = writer();
    told.acknowledge("g", 2, "a");
    assert.equal(told.changed("g 1 1 a:3"), false);
    assert.equal(told.changed("g 2 1 a:3"), false);
    assert.equal(told.untilForgotten, undefined);
  });

  test("what readers have acknowledged is forgotten with them", () => {
    const { told } = writer();
    for (let process = 1; process <= 1000; process++) {
      told.changed(`g ${process} 1 r${process}:1`);
      told.acknowledge("g", process, `r${process}`);
    }
    assert.ok(told.acknowledging <= 2, `${told.acknowledging} are remembered`);
  });

  test("a change that nobody could confirm waits for leases from before, where there may be any", async () => {
    const { told } = writer();
    assert.equal(told.untilEnded(monotonicNow()), undefined);
    told.beAware();
    assert.equal(told.untilEnded(monotonicNow() - 2 * LEASE_MS), undefined);
    const begunMs = performance.now();
    await told.untilEnded(monotonicNow());
    assert.ok(performance.now() - begunMs >= LEASE_MS - 1);
  });
});
