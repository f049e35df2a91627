// What a hit allocates, beside a plain answer. A process of its own is measured: in Jest's, test and server share a heap.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { fileURLToPath } from "node:url";
import { test } from "@jest/globals";
import { afterTest, tell } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { askForBytes } from "../support/ask-for-bytes.js";
import type { Allocated, HitServerReady } from "../support/hit-server.js";

/** Whose allocations are counted together. */
const ANSWERS = 500;

test("a hit allocates little more than a plain answer", async () => {
  const redis = await startRedisServer();
  afterTest(() => redis.stop());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  afterTest(() => agent.destroy());
  const child: ChildProcess = fork(fileURLToPath(new URL("../support/hit-server.js", import.meta.url)), {
    // V8 would collect by itself while the process is idle for long.
    execArgv: ["--expose-gc", "--max-semi-space-size=512", "--no-memory-reducer"],
    env: { ...process.env, HIT_REDIS_URL: redis.url },
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  afterTest(() => child.kill("SIGKILL"));
  const [ready] = (await once(child, "message")) as [HitServerReady];
  const paths = ["plain", "cacheList", "prepared", "lane", "redisOnly"] as const;
  const perHit: Allocated[] = [];
  for (const path of paths) {
    const port = ready.ports[path];
    for (let time = 0; time < ANSWERS; time++) await askForBytes(port, agent);
    perHit.push(
      await allocatedBy(child, async () => {
        for (let time = 0; time < ANSWERS; time++) await askForBytes(port, agent);
      }),
    );
  }
  const of = (what: keyof Allocated) => perHit.map((allocated) => Math.round(allocated[what]));
  const [plain = 0, cacheList = 0, prepared = 0, lane = 0, redisOnly = 0] = of("heap");
  tell(`bytes for each answer, ${paths}: heap ${of("heap")}, buffers ${of("buffers")}`);
  assert.ok(plain > 500, "it was measured");
  // About 2,700 on Node 20, and 4,300 on 26.
  assert.ok(lane - plain < 6000);
  assert.ok(redisOnly - plain < 24_000, "one read for each of them");
  assert.ok(cacheList - plain < 40_000, "of which most is Express's");
  assert.ok(prepared - plain < 10_000, "without what changed prototypes cost");
  // What Redis sends goes into memory that is used again.
  for (const buffers of of("buffers")) assert.ok(buffers < 1000);
});

/** For each answer. */
async function allocatedBy(child: ChildProcess, work: () => Promise<void>): Promise<Allocated> {
  const used = async (message: "collect" | "report") => {
    child.send(message);
    return ((await once(child, "message")) as [Allocated])[0];
  };
  const before = await used("collect");
  await work();
  const after = await used("report");
  return { heap: (after.heap - before.heap) / ANSWERS, buffers: (after.buffers - before.buffers) / ANSWERS };
}
