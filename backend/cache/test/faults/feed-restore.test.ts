// PostgreSQL is put back to an earlier state, from a copy of its files: what was cached of the later one is served no more.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { describe, test } from "@jest/globals";
import type { DurablePostgres } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { openDurableFeed } from "../support/durable-feed.js";
import type { FeedApp } from "../support/feed-app.js";

const LATER_MS = 280;
/** Nobody reads it while the database is away, which would store it anew. */
const LEFT_ALONE = "/orders?left=alone";

const run = promisify(execFile);
/** Owners and times as they are: PostgreSQL refuses files of anybody else. */
const copy = (from: string, to: string) => run("cp", ["-a", from, to]);
const remove = (folder: string) => run("rm", ["-rf", folder]);

const untilAnswers = ({ pool }: Pick<FeedApp, "pool">) =>
  until("the database answers", () =>
    pool.query("SELECT 1").then(
      () => true,
      () => false,
    ),
  );

/** Each leaves a copy of the files behind. */
const COPIES = {
  "while it was down": async ({ server, pool }: FeedApp & { server: DurablePostgres }, to: string) => {
    await server.shutDown();
    await copy(server.data, to);
    await server.restart();
    await untilAnswers({ pool });
  },
  // As a snapshot of the disk is: recovery makes it whole, and empties unlogged tables.
  "of a server that runs": async ({ server }: FeedApp & { server: DurablePostgres }, to: string) =>
    copy(server.data, to),
} as const;

describe.each(Object.keys(COPIES) as (keyof typeof COPIES)[])("a copy that was made %s", (name) => {
  test("takes the place of the files: nothing of later is a hit, and what is written then is seen", async () => {
    const app = await openDurableFeed();
    const { server, pool, read, warm } = app;
    await warm("/orders");
    const kept = `${server.data}.copy`;
    await COPIES[name](app, kept);
    await pool.query("UPDATE orders SET total = 50 WHERE id = 1");
    await delay(LATER_MS);
    for (const path of ["/orders", LEFT_ALONE]) assert.match((await warm(path)).body, /"total":50/);

    await server.kill();
    const killed = delay(LATER_MS);
    await remove(server.data);
    await copy(kept, server.data);
    await remove(kept);
    await killed;
    assert.doesNotMatch((await read("/orders")).status, /^hit/);
    const restarted = server.restart();
    let isRunning = false;
    void restarted.then(() => {
      isRunning = true;
    });
    while (!isRunning) {
      assert.doesNotMatch((await read("/orders")).status, /^hit/);
      await delay(10);
    }
    await untilAnswers(app);
    assert.match((await read("/orders")).body, /"total":1\b/);
    assert.match((await warm("/orders")).body, /"total":1\b/);
    // The token is there again: this entry would be served, were it not cut off.
    assert.match((await read(LEFT_ALONE)).body, /"total":1\b/);
    // Numbers of transactions that the later state has used, too.
    for (let total = 100; total < 105; total++) {
      await pool.query("UPDATE orders SET total = $1 WHERE id = 1", [total]);
      await delay(LATER_MS);
      assert.match((await read("/orders")).body, new RegExp(`"total":${total}\\b`));
      await read("/orders");
    }
  });
});
