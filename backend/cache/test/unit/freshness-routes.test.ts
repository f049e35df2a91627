// The freshness checker's random routes, whatever the seed; and a client of it that meets what nobody expected.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { BackendPool } from "../../freshness/checked-pool.js";
import { ONE_SERVER } from "../../freshness/excuses.js";
import { Judge } from "../../freshness/judge.js";
import { changedBy, randomRoutes, shownBy } from "../../freshness/routes.js";
import type { Truth } from "../../freshness/truth.js";
import { Workload } from "../../freshness/workload.js";

test("what a write changes some list shows", () => {
  for (let seed = 0; seed < 2000; seed++) {
    const { lists, writes } = randomRoutes(seed);
    const shown = new Set(lists.flatMap(shownBy));
    for (const write of writes)
      assert.ok(
        changedBy(write).some((name) => shown.has(name)),
        `seed ${seed}: ${write.path}`,
      );
  }
});

test("the stage hears of a client that has ended", async () => {
  const answer = { status: 200, headers: {}, body: "no JSON" };
  const alive = [{ name: "b0.1", send: async () => answer }];
  const pool = Object.create(BackendPool.prototype, { alive: { value: alive } }) as BackendPool;
  const judge = new Judge(false, ONE_SERVER, async () => false);
  const workload = new Workload(pool, {} as Truth, judge, { seed: 1, clients: 1, writeShare: 0 });
  workload.start();
  await until("it is told", async () => workload.failure !== undefined);
  assert.ok(workload.failure instanceof SyntaxError);
  await assert.rejects(workload.stop(), SyntaxError);
});
