// Warm-ups as jobs: once for all processes, again where they fail, and after each midnight.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CacheWarmer, type TenantCache } from "express-tenant-cache";
import { pino } from "pino";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { WarmQueue } from "../../services/warming/warm-queue.js";
import { openCache } from "../support/caches.js";
import { serversAt } from "../support/servers-at.js";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

describe("the queue of warm-ups", () => {
  let redis: RedisServer;
  let cache: TenantCache;
  const opened: WarmQueue[] = [];

  beforeAll(async () => {
    redis = await startRedisServer({ args: ["--maxmemory-policy", "noeviction"] });
    cache = await openCache("memory");
  });
  afterAll(async () => {
    for (const queue of opened) await queue.close();
    await cache.close();
    await redis.stop();
  });

  function open(keyPrefix: string, entry: () => unknown): WarmQueue {
    const warmer = new CacheWarmer(cache).register("lists", {
      tenants: () => ["acme"],
      entries: () => [entry],
    });
    const logger = pino({ level: "silent" });
    const queue = new WarmQueue({
      servers: serversAt(redis.url),
      keyPrefix,
      warmer,
      logger,
      retryAfterMs: 1,
    });
    opened.push(queue);
    return queue;
  }

  async function reportsOf(queue: WarmQueue, count: number) {
    for (;;) {
      const reports = await queue.reports();
      if (reports.length >= count) return reports;
    }
  }

  test("a job is done once, by one of the processes", async () => {
    const keyPrefix = `queue-test:${randomUUID()}:`;
    let runs = 0;
    const [queue] = Array.from({ length: 3 }, () => open(keyPrefix, () => runs++));
    assert.ok(queue);
    await queue.enqueue();
    await queue.enqueue();
    const reports = await reportsOf(queue, 2);
    assert.deepEqual(reports, [
      [{ plan: "lists", warmed: 1, failed: 0, error: null }],
      [{ plan: "lists", warmed: 1, failed: 0, error: null }],
    ]);
    assert.equal(runs, 2);
  });

  test("one that fails is tried again", async () => {
    let attempts = 0;
    const queue = open(`queue-test:${randomUUID()}:`, () => {
      if (++attempts < 3) throw new Error("the database is away");
    });
    await queue.enqueue();
    assert.equal((await reportsOf(queue, 1)).length, 1);
    assert.equal(attempts, 3);
  });

  test("all plans are due a minute after midnight, once, however many processes there are", async () => {
    const keyPrefix = `queue-test:${randomUUID()}:`;
    const queues = Array.from({ length: 3 }, () => open(keyPrefix, () => undefined));
    const midnightMs = Math.ceil((Date.now() - MINUTE_MS) / DAY_MS) * DAY_MS;
    await Promise.all(queues.map((queue) => queue.schedule()));
    assert.deepEqual(await queues[0]?.dueAtMs(), [midnightMs + MINUTE_MS]);
  });

  test("closing ends at once, also while Redis is away", async () => {
    const own = await startRedisServer({ args: ["--maxmemory-policy", "noeviction"] });
    const warmer = new CacheWarmer(cache);
    const logger = pino({ level: "silent" });
    const queue = new WarmQueue({ servers: serversAt(own.url), keyPrefix: "away:", warmer, logger });
    await queue.schedule();
    await own.stop();
    await queue.close();
  });
});
