// A run of the feed: readers of several processes, writers past the API, faults; no read may be older than COMMIT + x.
// Tests: test/faults/freshness-feed.test.ts
import { setTimeout as delay } from "node:timers/promises";
import pg from "pg";
import { type DurablePostgres, startDurablePostgres } from "../../servers/index.js";
import { createFeed } from "../src/feed/index.js";
import { machineNowMs } from "./clock.js";
import { FeedBackend } from "./feed-backends.js";
import { doFault, FEED_FAULT_NAMES, FEED_FAULTS, type FeedFault, run } from "./feed-faults.js";
import { FeedJudge, type FeedViolation } from "./feed-judge.js";
import { FEED_PROTECTIONS, type FeedProtection } from "./feed-protections.js";
import { FeedRedis } from "./feed-redis.js";
import {
  MODULES,
  type ModuleName,
  SCHEMA,
  seedSql,
  TABLES,
  versionOf,
  writeVersion,
} from "./feed-writers.js";
import { pick, type Random, seededRandom } from "./random.js";

export interface FeedStageOptions {
  readonly seed: number;
  readonly processes: number;
  readonly clients: number;
  /** The bound, milliseconds. */
  readonly maxDelayMs: number;
  /** Ends when so many reads were judged and so many faults undone, */
  readonly reads: number;
  readonly faultsDone: number;
  /** or after so long, seconds, or with the first violation where that is asked for. */
  readonly seconds: number;
  readonly stopAtViolation: boolean;
  readonly faults?: readonly FeedFault[];
  readonly faultPauseMs: number;
  /** What stands still does so at most for so long. */
  readonly longestMs: number;
  readonly without?: FeedProtection;
  readonly onProgress?: (reads: number) => void;
}

export interface FeedReport {
  readonly without: FeedProtection | undefined;
  readonly seconds: number;
  readonly judged: number;
  readonly contested: number;
  readonly hits: number;
  readonly unanswered: number;
  /** By kind. */
  readonly writes: Readonly<Record<string, number>>;
  readonly faults: Readonly<Record<string, number>>;
  readonly violations: readonly FeedViolation[];
}

const TENANTS = Array.from({ length: 4 }, (_, n) => `tenant-${n}`);
const WRITERS = 3;
const LONGEST_TRANSACTION_MS = 700;
/** Between two writes of one writer. */
const LONGEST_PAUSE_MS = 300;

export async function runFeedStage(options: FeedStageOptions): Promise<FeedReport> {
  const cleanUps: (() => unknown)[] = [];
  try {
    return await new FeedRun(options, (cleanUp) => cleanUps.unshift(cleanUp)).run();
  } finally {
    for (const cleanUp of cleanUps) await cleanUp();
  }
}

class FeedRun {
  readonly #options: FeedStageOptions;
  readonly #onEnd: (cleanUp: () => unknown) => void;
  readonly #judge: FeedJudge;
  readonly #random: Random;
  readonly #writes: Record<string, number> = {};
  readonly #faults: Record<string, number> = {};
  #faultsDone = 0;
  #hits = 0;
  #unanswered = 0;
  #isOver = false;
  #writing = 0;
  #isHeld = false;

  constructor(options: FeedStageOptions, onEnd: (cleanUp: () => unknown) => void) {
    this.#options = options;
    this.#onEnd = onEnd;
    this.#judge = new FeedJudge(options.maxDelayMs);
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<FeedReport> {
    const { processes, clients, maxDelayMs, without, seconds } = this.#options;
    const postgres = await startDurablePostgres();
    this.#onEnd(() => postgres.stop());
    const copy = await prepared(postgres);
    this.#onEnd(() => run("rm", ["-rf", copy]));
    const redis = await FeedRedis.start();
    this.#onEnd(() => redis.stop());
    const backends = await Promise.all(
      Array.from({ length: processes }, () =>
        FeedBackend.start(postgres.superuserUrl, redis, maxDelayMs, without),
      ),
    );
    this.#onEnd(() => Promise.all(backends.map((backend) => backend.stop())));
    const pool = new pg.Pool({ connectionString: postgres.superuserUrl, max: WRITERS, lock_timeout: 5000 });
    pool.on("error", () => undefined);
    // Also while it is lent: a server that is killed resets it.
    pool.on("connect", (client) => client.on("error", () => undefined));
    this.#onEnd(() => pool.end());

    const beganAtMs = machineNowMs();
    const seedOf = (n: number) => seededRandom(this.#options.seed + n);
    const world = {
      ...{ backends, postgres, redis, random: seedOf(999), longestMs: this.#options.longestMs, copy },
      holdWriters: () => this.#holdWriters(),
      goesBack: () => this.#judge.goesBack(),
      restored: () => this.#judge.restored(machineNowMs()),
    };
    const work = [
      ...Array.from({ length: clients }, (_, n) => this.#readOn(backends, seedOf(n))),
      ...Array.from({ length: WRITERS }, (_, n) => this.#writeOn(pool, n, seedOf(100 + n))),
      this.#faultOn(world),
    ];
    const ended = Promise.all(work);
    ended.catch(() => undefined);
    while (!this.#hasEnough(beganAtMs + seconds * 1000)) {
      await Promise.race([delay(200), ended]);
      this.#options.onProgress?.(this.#judge.judged);
    }
    this.#isOver = true;
    await ended;
    const { judged, contested, violations } = this.#judge;
    return {
      ...{ without, seconds: (machineNowMs() - beganAtMs) / 1000, judged, contested, violations },
      ...{ hits: this.#hits, unanswered: this.#unanswered, writes: this.#writes, faults: this.#faults },
    };
  }

  #hasEnough(untilMs: number): boolean {
    const { reads, faultsDone, stopAtViolation } = this.#options;
    if (stopAtViolation && this.#judge.violations.length > 0) return true;
    if (machineNowMs() >= untilMs) return true;
    return this.#judge.judged >= reads && this.#faultsDone >= faultsDone;
  }

  async #readOn(backends: readonly FeedBackend[], random: Random): Promise<void> {
    while (!this.#isOver) {
      const backend = pick(random, backends);
      const [tenant, module] = [pick(random, TENANTS), pick(random, Object.keys(MODULES))];
      const startedAtMs = machineNowMs();
      const answer = await backend.get(`/${module}`, tenant);
      if (answer?.status !== 200) {
        this.#unanswered++;
        await delay(5);
        continue;
      }
      if (answer.cacheStatus.includes("; hit")) this.#hits++;
      const { version } = answer.body as { version: number };
      this.#judge.judge(`${tenant} ${module}`, startedAtMs, versionOf(Number(version)), answer.cacheStatus);
    }
  }

  /** Each has tenants of its own: which of two versions is the later one is not for the judge to know. */
  async #writeOn(pool: pg.Pool, own: number, random: Random): Promise<void> {
    const tenants = TENANTS.filter((_, n) => n % WRITERS === own);
    while (!this.#isOver) {
      await delay(LONGEST_PAUSE_MS * random());
      if (this.#isHeld) continue;
      this.#writing++;
      const [tenant, module] = [pick(random, tenants), pick(random, Object.keys(MODULES)) as ModuleName];
      const cell = `${tenant} ${module}`;
      const v = this.#judge.issue(cell);
      const client = await pool.connect().catch(() => undefined);
      let failed = true;
      try {
        if (client) {
          const pause = () => delay(LONGEST_TRANSACTION_MS * random());
          const kind = await writeVersion(client, module, { tenant, v, pause }, random);
          this.#judge.committed(cell, v, kind, machineNowMs());
          this.#writes[kind] = (this.#writes[kind] ?? 0) + 1;
          failed = false;
        }
      } catch {
        // Nobody knows whether it was committed: nothing is asked for.
      }
      client?.release(failed);
      this.#writing--;
    }
  }

  async #holdWriters(): Promise<() => void> {
    this.#isHeld = true;
    while (this.#writing > 0) await delay(5);
    return () => {
      this.#isHeld = false;
    };
  }

  async #faultOn(world: Parameters<typeof doFault>[1]): Promise<void> {
    const names = this.#options.faults ?? FEED_FAULT_NAMES;
    let left: readonly FeedFault[] = [];
    while (!this.#isOver && names.length > 0) {
      if (left.length === 0) left = names;
      const name = pick(this.#random, left);
      left = left.filter((other) => other !== name);
      await delay(2 * this.#options.faultPauseMs * this.#random());
      await doFault(name, world);
      this.#faults[name] = (this.#faults[name] ?? 0) + 1;
      this.#faultsDone++;
    }
  }
}

/** How a run is made to catch a protection that is off: it ends with the first violation. */
export function catchingFeed(without: FeedProtection) {
  const { faults } = FEED_PROTECTIONS[without] as { readonly faults: readonly FeedFault[] };
  return {
    without,
    faults,
    stopAtViolation: true,
    reads: 200_000,
    faultsDone: 0,
    faultPauseMs: 200,
    longestMs: 900,
  };
}

/** Tables, feed, and what two-phase commit needs. @returns a copy of the files */
async function prepared(postgres: DurablePostgres): Promise<string> {
  const act = async (work: (client: pg.Client) => Promise<unknown>) => {
    const client = new pg.Client({ connectionString: postgres.superuserUrl });
    await client.connect();
    await work(client);
    await client.end();
  };
  await act(async (client) => {
    await client.query("ALTER SYSTEM SET max_prepared_transactions = 20");
    await client.query(SCHEMA + seedSql(TENANTS));
    await createFeed({ database: client, tables: TABLES }).install();
  });
  await postgres.shutDown();
  const copy = `${postgres.data}.copy`;
  await run("cp", ["-a", postgres.data, copy]);
  await postgres.restart();
  return copy;
}

export function formatFeedReport(report: FeedReport): string {
  const { without, seconds } = report;
  const counted = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${count} × ${name}`)
      .join(", ") || "none";
  const said = Object.fromEntries(
    Object.entries(report.faults).map(([name, count]) => [FEED_FAULTS[name as FeedFault], count]),
  );
  return [
    `${hasPassedFeed(report) ? "passed" : "FAILED"}: the feed, ${seconds.toFixed(1)} s`,
    ...(without ? [`  without     ${without}: ${FEED_PROTECTIONS[without].says}`] : []),
    `  reads       ${report.judged} judged, ${report.hits} hits, ${report.contested} times soon behind a COMMIT; ${report.unanswered} unanswered`,
    `  writes      ${counted(report.writes)}`,
    `  faults      ${counted(said)}`,
    `  violations  ${report.violations.length}`,
    ...report.violations.slice(0, 3).map((violation) => `    ${JSON.stringify(violation)}`),
  ].join("\n");
}

export function hasPassedFeed({ without, violations }: FeedReport): boolean {
  return without ? violations.length > 0 : violations.length === 0;
}
