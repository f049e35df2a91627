// Who does not answer a look at health, or at a token, is not waited for without an end.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { checkHealth, type HealthSources } from "../../services/health.js";
import { stateTimeoutMs } from "../../state/state-redis.js";

test("a database and a persistent Redis that hang are away once their time is over", async () => {
  const never = () => new Promise<never>(() => undefined);
  const sources = {
    pool: { query: never },
    database: { writesRefused: null },
    state: { redis: { ping: never }, keyPrefix: "" },
    cache: { health: () => ({ connected: true }) },
    lifecycle: { draining: false },
  } as unknown as HealthSources;
  const begunMs = performance.now();
  const { status, checks } = await checkHealth({ ...sources, withinMs: 20 });
  assert.deepEqual(
    [status, checks.database.status, checks.state],
    ["unavailable", "unavailable", { status: "away", reason: "no answer in time" }],
  );
  // Without a word about it, a second.
  await checkHealth(sources);
  assert.ok(performance.now() - begunMs < 30_000);
});

test("what the persistent Redis knows of a token has a second, or as long as the cache where that has more", () => {
  assert.deepEqual([50, 1000, 5000].map(stateTimeoutMs), [1000, 1000, 5000]);
});
