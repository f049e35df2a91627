// A database that answers, and too late for the bound: the feed says so, and goes on by itself.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

const MAX_DELAY_MS = 100;

test("turns that take longer than the token lives are told, and so is the end of it", async () => {
  let answersAfterMs = 0;
  const database = await openFeedDatabase({ probeMs: 0, maxDelayMs: MAX_DELAY_MS }, undefined, (pool) => ({
    query: async (text: string, values?: unknown[]) => {
      await delay(answersAfterMs);
      return pool.query(text, values);
    },
  }));
  const told: string[] = [];
  const tell = (line: string) => void told.push(line);
  const app = await openFeedApp({
    store: "redis",
    beside: database,
    cache: { logger: { info: tell, warn: tell, error: tell } },
  });
  await app.warm("/orders");
  answersAfterMs = 2 * MAX_DELAY_MS;
  const reason = async () => {
    // Somebody reads what is covered, or the feed goes to sleep.
    assert.match((await app.read("/orders")).status, /^(?:hit|fwd=miss)/);
    return (await app.cache.stats()).feed?.reason ?? "";
  };
  // A busy machine is late by itself, too, and says so in the same lines.
  const states = () => told.flatMap((line) => /feed: (away|working again)/.exec(line)?.[1] ?? []);
  await until("it is told", async () => {
    const isLate = /^a turn took \d+ ms, and has 100 \(maxDelayMs\): /.test(await reason());
    return isLate && states().at(-1) === "away";
  });
  answersAfterMs = 0;
  await app.warm("/orders");
  await until("its end is told", async () => (await reason()) === "" && states().at(-1) === "working again");
  // Each is told once, in turn.
  for (const [n, state] of states().entries()) assert.notEqual(state, states()[n - 1]);
});
