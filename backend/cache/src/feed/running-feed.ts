// The feed of one process: takes turns while anybody reads what is covered, drains while it has the lease.
// Tests: test/integration/feed-drain.test.ts, test/faults/feed-drain.test.ts
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { FeedHost, FeedParts, FeedReport, FeedView, RunningFeed } from "../engine/feeds.js";
import { later } from "../later.js";
import type { FeedDatabase } from "../queryable.js";
import type { FeedPlace } from "../store/feed-place.js";
import { randomToken } from "../store/fence-token.js";
import type { Store } from "../store/store.js";
import { messageOf } from "../thrown.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";
import { captureName } from "./capture-names.js";
import { Coverage } from "./coverage.js";
import { coveredStore, type Demand, type Ended } from "./covered-store.js";
import { Drain, type TurnResult } from "./drain.js";
import { FeedLooks } from "./feed-looks.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { OwnConnections } from "./own-connections.js";
import { Probes } from "./probes.js";
import { ReplicaReads } from "./replica-reads.js";
import { WakeUp } from "./wake-up.js";

/** How long a drain that has died is missed. */
const LEASE_MS = 1000;
const READY_EVERY_MS = 300;
const ASLEEP_EVERY_MS = 50;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;
/** Of the time that a change may take: turns begin no closer together, however often they are called for. */
const CLOSEST_TURNS = 1 / 25;
/** Failures that last as long are told. */
const TELLS_AFTER_MS = 2000;

export class FeedOfProcess implements RunningFeed, Demand {
  readonly store: Store;
  readonly #replicas: ReplicaReads;
  readonly view: FeedView;
  readonly #options: ParsedFeedOptions;
  readonly #parts: FeedParts;
  readonly #place: FeedPlace;
  readonly #connections = new OwnConnections();
  readonly #looks: FeedLooks;
  readonly #coverage: Coverage;
  readonly #probes: Probes;
  readonly #wakeUp: WakeUp;
  readonly #holder = randomToken();
  readonly #askWithin: DeadlineQueue;
  #host: FeedHost | undefined;
  #drain: Drain | undefined;
  #timer: Timer | undefined;
  #soon: Timer | undefined;
  #beganAtMs = Number.NEGATIVE_INFINITY;
  #underWay: Promise<void> | undefined;
  #isClosed = false;
  /** To begin with somebody is expected to come. */
  #isWanted = true;
  /** Until the token is there again, or is known not to come. */
  #isAsleep = true;
  #hasCalled = false;
  #isDue = false;
  #retryMs = FIRST_RETRY_MS;
  #failingSinceMs: number | undefined;
  #reason: string | null = null;
  #isTold = false;
  #leadingSinceMs: number | undefined;
  #renewedAtMs: number | undefined;
  #counts = { fenced: 0, spared: 0, epochs: 0 };

  constructor(declared: ParsedFeedOptions, place: FeedPlace, parts: FeedParts) {
    const options = { ...declared, database: this.#connections.of(declared.database) };
    this.#options = options;
    this.#parts = parts;
    this.#place = place;
    const tables = options.tables.map((table) => ({ ...table, capture: captureName(table) }));
    this.view = { schema: options.schema, tables };
    this.#looks = new FeedLooks(options);
    this.#coverage = new Coverage(options, this.#looks, parts.logger);
    this.#probes = new Probes(options, this.#looks);
    const wake = () => this.#wake();
    this.#wakeUp = new WakeUp({ options, looks: this.#looks, logger: parts.logger, wake });
    this.#askWithin = new DeadlineQueue(Math.min(parts.budgetMs / 4, 100));
    const wakesWithinMs = Math.min(parts.budgetMs / 2, 250);
    this.store = coveredStore({ ...parts, place, demand: this, wakesWithinMs });
    this.#replicas = new ReplicaReads(options.schema, this.#looks, wakesWithinMs);
  }

  start(host: FeedHost): void {
    this.#host = host;
    const { store, keys } = this.#parts;
    this.#drain = new Drain({
      options: this.#options,
      store,
      keys,
      place: this.#place,
      host,
      looks: this.#looks,
      coverage: this.#coverage,
      probes: this.#probes,
      logger: this.#parts.logger,
    });
    this.#schedule(0);
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  want(): void {
    this.#isWanted = true;
    if (this.#isAsleep && !this.#hasCalled) this.#hurry();
  }

  expectReplicas(): void {
    this.#looks.wantPositions();
  }

  haveReplayed(replica: FeedDatabase, fences: readonly string[], epoch: string): Promise<boolean> {
    return this.#replicas.haveAll(this.#connections.of(replica), fences, epoch);
  }

  async ended(): Promise<Ended | undefined> {
    try {
      return await this.#askWithin.race(this.#looks.now());
    } catch {
      return undefined;
    }
  }

  report(): FeedReport {
    const nowMs = monotonicNow();
    const since = (atMs: number | undefined) => (atMs === undefined ? null : nowMs - atMs);
    const working = this.#leadingSinceMs === undefined ? "ready" : "draining";
    return {
      state: this.#reason !== null ? "away" : this.#isAsleep ? "asleep" : working,
      reason: this.#reason,
      delayMs: this.#probes.delayMs,
      tokenAgeMs: since(this.#renewedAtMs),
      leaseAgeMs: since(this.#leadingSinceMs),
      uncoveredTables: this.#coverage.tables,
      ...this.#counts,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#soon);
    this.#wakeUp.want(false);
    await this.#underWay;
    if (this.#leadingSinceMs !== undefined) await this.#place.leave(this.#holder).catch(() => undefined);
    await this.#looks.bounded(this.#connections.close()).catch(() => undefined);
  }

  /** Something has changed. */
  #wake(): void {
    if (this.#soon !== undefined || this.#isClosed || this.#isAsleep) return;
    const waitMs = this.#beganAtMs + this.#options.maxDelayMs * CLOSEST_TURNS - monotonicNow();
    this.#soon = later(Math.max(waitMs, 0), () => {
      this.#soon = undefined;
      this.#hurry();
    });
  }

  /** A turn at once, or behind the one that is under way. */
  #hurry(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    if (this.#underWay === undefined) this.#schedule(0);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || !this.#host) return;
    this.#timer = later(this.#isDue ? 0 : delayMs, () => {
      this.#isDue = false;
      this.#underWay = this.#run().then((nextMs) => {
        this.#underWay = undefined;
        this.#schedule(nextMs);
      });
    });
  }

  /** One turn. Never rejects; resolves with how long to wait for the next, milliseconds. */
  async #run(): Promise<number> {
    const beganAtMs = monotonicNow();
    this.#beganAtMs = beganAtMs;
    try {
      const nextMs = await this.#turn();
      this.#wakeUp.want(!this.#isClosed && this.#leadingSinceMs !== undefined && !this.#isAsleep);
      const tookMs = monotonicNow() - beganAtMs;
      const isLate = this.#leadingSinceMs !== undefined && tookMs > this.#options.maxDelayMs;
      if (isLate) this.#failed(this.#tooLate(tookMs));
      else this.#worked();
      return Math.max(nextMs - tookMs, 1);
    } catch (error) {
      this.#failed(messageOf(error));
      const retryMs = this.#retryMs;
      this.#retryMs = Math.min(2 * retryMs, MAX_RETRY_MS);
      return retryMs;
    }
  }

  /** The token was at its end before it was there. */
  #tooLate(tookMs: number): string {
    return `a turn took ${Math.round(tookMs)} ms, and has ${this.#options.maxDelayMs} (maxDelayMs): the database, the store or this process is too slow`;
  }

  async #turn(): Promise<number> {
    const { idleMs, maxDelayMs } = this.#options;
    const host = this.#host;
    if (host?.gate.state !== "closed") throw new Error("the store is not in use");
    const wantedMs = this.#isWanted ? idleMs : undefined;
    this.#isWanted = false;
    const ask = { holder: this.#holder, leaseMs: Math.max(LEASE_MS, 2 * maxDelayMs), wantedMs };
    const turn = await host.gate.run(() => this.#place.turn(ask));
    this.#lead(turn.isLeading);
    if (!turn.isWanted) {
      this.#isAsleep = true;
      this.#hasCalled = false;
      return ASLEEP_EVERY_MS;
    }
    if (!turn.isLeading) return this.#called();
    const result = await this.#drain?.turn(this.#holder, turn, this.#isAsleep);
    if (result) this.#count(result);
    if (!result?.isRenewed) return 0;
    this.#isAsleep = false;
    this.#renewedAtMs = monotonicNow();
    this.#probes.send();
    return maxDelayMs / 5;
  }

  /** Another process drains: it hears with its next turn that it is wanted, and has had one of its own by the next here. */
  #called(): number {
    if (this.#isAsleep && !this.#hasCalled) {
      this.#hasCalled = true;
      return 2 * ASLEEP_EVERY_MS;
    }
    this.#isAsleep = false;
    return READY_EVERY_MS;
  }

  #lead(isLeading: boolean): void {
    if (isLeading === (this.#leadingSinceMs !== undefined)) return;
    this.#leadingSinceMs = isLeading ? monotonicNow() : undefined;
    if (isLeading) this.#coverage.forget();
  }

  #count({ fenced, spared, cause }: TurnResult): void {
    this.#counts.fenced += fenced;
    this.#counts.spared += spared;
    if (cause) this.#counts.epochs++;
  }

  #worked(): void {
    this.#retryMs = FIRST_RETRY_MS;
    this.#failingSinceMs = undefined;
    this.#reason = null;
    if (!this.#isTold) return;
    this.#isTold = false;
    this.#parts.logger.info("express-tenant-cache: feed: working again");
  }

  #failed(reason: string): void {
    this.#reason = reason;
    // Nobody waits for it.
    this.#isAsleep = false;
    const nowMs = monotonicNow();
    this.#failingSinceMs ??= nowMs;
    if (this.#isTold || nowMs - this.#failingSinceMs < TELLS_AFTER_MS) return;
    this.#isTold = true;
    this.#parts.logger.warn(
      `express-tenant-cache: feed: away (${reason}): covered routes are not answered from the cache`,
    );
  }
}
