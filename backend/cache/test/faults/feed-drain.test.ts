// The feed fails closed: whatever happens to drain, database or store, a read x after a COMMIT never shows what was before it.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer, startTcpProxy } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { createFeed } from "../../src/feed/index.js";
import { openDurableFeed } from "../support/durable-feed.js";
import { type FeedApp, openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase, TABLES } from "../support/feed-database.js";
import type { FeedProcessArguments } from "../support/feed-process.js";

const LATER_MS = 280;

/** A Redis of the test's own. */
async function ownRedis(): Promise<string> {
  const redis = await startRedisServer();
  afterTest(() => redis.stop());
  return redis.url;
}

async function startDrain(options: FeedProcessArguments): Promise<ChildProcess> {
  const script = fileURLToPath(new URL("../support/feed-process.js", import.meta.url));
  const child = fork(script, [JSON.stringify(options)]);
  afterTest(() => {
    child.kill("SIGCONT");
    child.kill("SIGKILL");
  });
  const ended = once(child, "exit").then(() => Promise.reject(new Error("the drain has ended")));
  await Promise.race([once(child, "message"), ended]);
  ended.catch(() => undefined);
  return child;
}

/** A drain in a process of its own, and an app here that is ready to take over. */
async function openBesideDrain(toRedis = async (url: string) => url) {
  const redisUrl = await ownRedis();
  const keyPrefix = `test:${Date.now()}:`;
  const database = await openFeedDatabase({ probeMs: 0 });
  const drain = await startDrain({ databaseUrl: database.url, redisUrl: await toRedis(redisUrl), keyPrefix });
  const app = await openFeedApp({ store: "redis", beside: database, cache: { redis: redisUrl, keyPrefix } });
  await app.warm("/orders");
  return { ...app, drain };
}

let total = 1000;

/** Writes past the API, and what a read says x after that. */
async function isSeen({ pool, read }: Pick<FeedApp, "pool" | "read">): Promise<void> {
  total++;
  await pool.query("UPDATE orders SET total = $1 WHERE id = 1", [total]);
  await delay(LATER_MS);
  assert.match((await read("/orders")).body, new RegExp(`"id":1,"total":${total}\\b`));
}

describe("the draining process", () => {
  test("is killed: what it has not fenced is not served, and another takes over", async () => {
    const app = await openBesideDrain();
    await isSeen(app);
    await app.warm("/orders");
    app.drain.kill("SIGKILL");
    for (let n = 0; n < 6; n++) await isSeen(app);
    // A turn that took too long says "away" until the next one is in time.
    await until("another one drains", async () => {
      await isSeen(app);
      return (await app.cache.stats()).feed?.state === "draining";
    });
    await app.warm("/orders");
    await isSeen(app);
  });

  test("is stopped for long, and goes on", async () => {
    const app = await openBesideDrain();
    app.drain.kill("SIGSTOP");
    for (let n = 0; n < 8; n++) await isSeen(app);
    await app.warm("/orders");
    app.drain.kill("SIGCONT");
    for (let n = 0; n < 6; n++) await isSeen(app);
    await app.warm("/orders");
  });

  test("is cut off from the store that others reach", async () => {
    let cutOff: () => void = () => undefined;
    const app = await openBesideDrain(async (url) => {
      const proxy = await startTcpProxy(Number(new URL(url).port));
      afterTest(() => proxy.close());
      cutOff = () => proxy.stall();
      const through = new URL(url);
      through.port = String(proxy.port);
      return through.href;
    });
    cutOff();
    for (let n = 0; n < 8; n++) await isSeen(app);
    await app.warm("/orders");
  });
});

test("the database does not answer the drain: covered reads miss, others go on, and nothing waits", async () => {
  const direct = await openFeedDatabase({ probeMs: 0 });
  const proxy = await startTcpProxy(Number(new URL(direct.url).port));
  const url = new URL(direct.url);
  url.port = String(proxy.port);
  const pool = new pg.Pool({ connectionString: url.href, max: 4 });
  pool.on("error", () => undefined);
  afterTest(async () => {
    proxy.cut();
    await pool.end();
    await proxy.close();
  });
  const feed = createFeed({ database: pool, tables: TABLES, probeMs: 0 });
  const app = await openFeedApp({ store: "redis", beside: { ...direct, feed } });
  for (const path of ["/orders", "/free"]) await app.warm(path);
  for (const fault of ["stall", "cut"] as const) {
    proxy[fault]();
    for (let n = 0; n < 3; n++) await isSeen(app);
    assert.equal((await app.read("/free")).status, "hit");
    assert.match((await app.read("/orders")).status, /^fwd=miss/);
    proxy.heal();
    await app.warm("/orders");
    await isSeen(app);
  }
});

test("the store is flushed, again and again", async () => {
  const redisUrl = await ownRedis();
  const app = await openFeedApp({ store: "redis", cache: { redis: redisUrl } });
  const redis = new Redis(redisUrl);
  afterTest(() => redis.disconnect());
  await app.warm("/orders");
  for (let n = 0; n < 4; n++) {
    await app.pool.query("UPDATE orders SET total = 1 WHERE id = 3");
    await redis.flushall();
    await isSeen(app);
    await app.warm("/orders");
    await isSeen(app);
  }
});

test("PostgreSQL crashes and recovers, or is another database by now: everything is cut off", async () => {
  const app = await openDurableFeed();
  const { server, pool } = app;
  await app.warm("/orders");
  const epochs = async () => (await app.cache.stats()).feed?.epochs ?? 0;
  const before = await epochs();
  // Never flushed: lost in the crash, and its number is given to another transaction.
  await pool.query("SET synchronous_commit = off; UPDATE orders SET total = 7 WHERE id = 1");
  await server.kill();
  await server.restart();
  await until("the database answers", async () => {
    try {
      await pool.query("SELECT 1");
      return true;
    } catch {
      return false;
    }
  });
  await until("a new epoch", async () => {
    // Somebody reads what is covered, or the feed goes to sleep.
    await app.read("/orders");
    return (await epochs()) > before;
  });
  await app.warm("/orders");
  for (let n = 0; n < 3; n++) await isSeen(app);
});
