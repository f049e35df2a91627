// The recovery queue: bounded, in order, and never forgetting more than it invalidates.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { RecoveryQueue } from "../../src/engine/recovery-queue.js";

describe("recovery queue", () => {
  test("replays in order, each fence once, one tenant a batch", () => {
    const queue = new RecoveryQueue(10);
    queue.add("fence:a", ["fence:a:accounts"]);
    queue.add("fence:b", ["fence:b:leads"]);
    queue.add("fence:a", ["fence:a:accounts", "fence:a:leads"]);
    assert.equal(queue.size, 3);
    assert.deepEqual(queue.take(), {
      tenantFenceKey: "fence:a",
      fenceKeys: ["fence:a:accounts", "fence:a:leads"],
    });
    assert.deepEqual(queue.take(), { tenantFenceKey: "fence:b", fenceKeys: ["fence:b:leads"] });
    assert.equal(queue.take(), undefined);
  });

  test("what is added again while it is being replayed is replayed again", () => {
    const queue = new RecoveryQueue(10);
    queue.add("fence:a", ["fence:a:accounts"]);
    const batch = queue.take();
    assert.ok(batch);
    queue.add("fence:a", ["fence:a:accounts"]);
    queue.confirm(batch);
    assert.equal(queue.isEmpty, false);
    assert.equal(queue.replayed, 1);
  });

  test("a failed batch is put back", () => {
    const queue = new RecoveryQueue(1);
    for (const tenant of ["a", "b", "c"]) queue.add(`fence:${tenant}`, [`fence:${tenant}:accounts`]);
    const everything = queue.take();
    assert.equal(everything, "everything");
    assert.equal(queue.isEmpty, true);
    queue.restore("everything");
    assert.equal(queue.take(), "everything");
  });

  test("however much is added, it is bounded and covers every fence", () => {
    const operation = fc.tuple(fc.nat({ max: 8 }), fc.nat({ max: 8 }));
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 60 }),
        fc.integer({ min: 1, max: 12 }),
        (operations, maxFences) => {
          const queue = new RecoveryQueue(maxFences);
          const owed = new Set<string>();
          for (const [tenant, module] of operations) {
            queue.add(`fence:${tenant}`, [`fence:${tenant}:${module}`]);
            owed.add(`fence:${tenant}:${module}`);
            assert.ok(queue.size <= maxFences);
          }
          const replayed = new Set<string>();
          for (let batch = queue.take(2); batch; batch = queue.take(2)) {
            if (batch === "everything") return;
            for (const key of batch.fenceKeys) replayed.add(key);
          }
          for (const key of owed) {
            const tenantFence = key.slice(0, key.lastIndexOf(":"));
            assert.ok(replayed.has(key) || replayed.has(tenantFence), key);
          }
        },
      ),
    );
  });
});
