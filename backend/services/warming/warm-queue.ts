// Warm-ups as jobs on the persistent Redis: each is done once, by whichever process is free, and tried again where it fails.
import { setTimeout as delay } from "node:timers/promises";
import { Queue, Worker } from "bullmq";
import type { CacheWarmer } from "express-tenant-cache";
import type { Logger } from "pino";
import type { RedisServers } from "../../config/redis-servers.js";
import { openRedis, type RedisClient } from "../../state/open-redis.js";
import { type WarmReport, warmReport } from "./warm-report.js";

export interface WarmQueueOptions {
  /** The persistent Redis: a job that is evicted is a job that is not done. */
  readonly servers: RedisServers;
  /** What stands in front of all keys. */
  readonly keyPrefix: string;
  readonly warmer: CacheWarmer;
  readonly logger: Logger;
  /** Before the first repetition of a job that failed; doubled each time. Default 30,000 milliseconds. */
  readonly retryAfterMs?: number;
}

const NAME = "warming";
/** Cron, UTC: what "today" shows is another day's after midnight. */
const AFTER_MIDNIGHT = { pattern: "1 0 * * *", tz: "UTC" };
const ATTEMPTS = 3;
/** Jobs that are over, of each outcome, for whoever wants to know. */
const KEPT_JOBS = 30;
const RETRY_AFTER_MS = 30_000;
const CLOSES_WITHIN_MS = 2000;

export class WarmQueue {
  readonly #redis: RedisClient;
  readonly #queue: Queue<unknown, WarmReport[]>;
  readonly #worker: Worker<unknown, WarmReport[]>;
  readonly #stopped = new AbortController();
  readonly #logger: Logger;
  #job: Promise<WarmReport[]> | undefined;

  /** Works from now on; while Redis is away it waits. */
  constructor({ servers, keyPrefix, warmer, logger, retryAfterMs = RETRY_AFTER_MS }: WarmQueueOptions) {
    // What workers demand: a command that waits for a job waits as long as it takes.
    this.#redis = openRedis(servers, {
      enableOfflineQueue: true,
      maxRetriesPerRequest: null,
      connectionName: "crm-queue",
    });
    this.#logger = logger;
    const prefix = queuePrefix(servers, keyPrefix);
    const options = { connection: this.#redis, prefix };
    this.#queue = new Queue(NAME, { ...options, defaultJobOptions: warmJobOptions(retryAfterMs) });
    this.#worker = new Worker(
      NAME,
      () => {
        this.#job = warmAll(warmer, this.#stopped.signal);
        return this.#job;
      },
      options,
    );
    this.#worker.on("failed", (job, { message }) => {
      const isLast = job !== undefined && job.attemptsMade >= ATTEMPTS;
      if (isLast) logger.warn(`warming: given up after ${ATTEMPTS} attempts (${message})`);
    });
    // A lost connection is told where requests need it; the queue goes on when it is back.
    this.#redis.on("error", () => {});
    this.#queue.on("error", () => {});
    this.#worker.on("error", () => {});
  }

  /** Has one of the processes warm all plans a minute after each midnight. Never rejects; waits for Redis. */
  async schedule(): Promise<void> {
    try {
      await this.#queue.upsertJobScheduler("after-midnight", AFTER_MIDNIGHT, { name: "all" });
    } catch (error) {
      if (!this.#stopped.signal.aborted) this.#logger.warn(`warming: cannot be scheduled (${String(error)})`);
    }
  }

  /** Has one of the processes warm all plans now. */
  async enqueue(): Promise<void> {
    await this.#queue.add("all", {});
  }

  /** When the next scheduled jobs are due, milliseconds since the epoch. */
  async dueAtMs(): Promise<number[]> {
    const schedulers = await this.#queue.getJobSchedulers();
    return schedulers.flatMap(({ next }) => next ?? []);
  }

  /** What the last jobs have done, the latest first. */
  async reports(): Promise<WarmReport[][]> {
    const jobs = await this.#queue.getJobs(["completed"], 0, KEPT_JOBS);
    return jobs.map(({ returnvalue }) => returnvalue);
  }

  /** Ends the job under way, which another process does again. Commands would wait for a Redis that is away, so it is asked nothing. */
  async close(): Promise<void> {
    this.#stopped.abort(new Error("this process stops"));
    await this.#job?.catch(() => undefined);
    this.#redis.disconnect();
    const closed = Promise.all([this.#worker.close(true), this.#queue.close()]).catch(() => undefined);
    await Promise.race([closed, delay(CLOSES_WITHIN_MS, undefined, { ref: false })]);
  }
}

/** A job that meets a failover finds the store or the database away for a moment: it is tried again. */
export function warmJobOptions(retryAfterMs: number) {
  const backoff = { type: "exponential", delay: retryAfterMs };
  return { attempts: ATTEMPTS, backoff, removeOnComplete: KEPT_JOBS, removeOnFail: KEPT_JOBS };
}

/** A step of the queue takes several keys: on a Cluster they need one slot, which the hash tag gives them. */
export function queuePrefix({ kind }: RedisServers, keyPrefix: string): string {
  const prefix = `${keyPrefix}state:queue`;
  return kind === "cluster" ? `{${prefix}}` : prefix;
}

/** @throws Error where not all is warm: what is warm already costs the next attempt a look */
async function warmAll(warmer: CacheWarmer, signal: AbortSignal): Promise<WarmReport[]> {
  const reports = (await warmer.warmAll({ signal })).map(warmReport);
  const failed = reports.filter(({ error }) => error !== null);
  if (failed.length > 0) throw new Error(failed.map(({ plan, error }) => `${plan}: ${error}`).join("; "));
  return reports;
}
