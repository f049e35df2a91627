// The freshness checker's servers, replaced by somebody else while it does faults to them: it goes on with whoever is master.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { FaultName } from "../../freshness/faults.js";
import { seededRandom } from "../../freshness/random.js";
import { type SentinelTopology, startSentinelTopology } from "../../freshness/sentinel-topology.js";
import { Timeline } from "../../freshness/timeline.js";

describe("failovers that are not the checker's own", () => {
  let topology: SentinelTopology;
  const timeline = new Timeline();

  beforeAll(async () => {
    topology = await startSentinelTopology(undefined, timeline);
  });
  afterAll(() => topology?.stop());

  const replaceMaster = async () => {
    const { sentinels } = topology;
    const port = await sentinels.named();
    assert.notEqual(await sentinels.failedOver(port), port);
  };
  const run = async (name: FaultName, meanwhile: () => Promise<unknown> = async () => undefined) => {
    await topology.faults[name]?.(seededRandom(1), {
      written: async () => void (await meanwhile()),
    });
  };
  const said = () => timeline.between(0, Number.POSITIVE_INFINITY).map(({ what }) => what);

  test("before a fault: it is done to the new master", async () => {
    await replaceMaster();
    await run("flush");
    await run("failover");
    assert.ok(said().some((what) => /^sentinel :\d+ says \+switch-master/.test(what)));
    assert.ok(said().some((what) => /^server :\d+ is a replica of/.test(what)));
  });

  test("in the midst of one: it is done, or undone and begun anew", async () => {
    let isFirst = true;
    await run("failover", async () => {
      if (isFirst) await replaceMaster();
      isFirst = false;
    });
    await run("two-masters");
  });
});
