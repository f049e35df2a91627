// `StalenessProbe`: writes, invalidates, reads in every process, and tells whether anybody still sees what was before.
// Tests: test/integration/staleness-probe.test.ts
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { ProbeFigures } from "../engine/counters.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { later } from "../later.js";
import { refuseSurplus } from "../options/arguments.js";
import { parse, registerCall, timerMs } from "../options/parse.js";
import { randomToken } from "../store/fence-token.js";
import { keyedOf, requirePart } from "../store/store-parts.js";
import { engineOf, type TenantCache } from "../tenant-cache.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

export interface StalenessProbeOptions {
  /** Between two reads of each process, and between two writes of all of them, milliseconds. Default 10,000. */
  readonly intervalMs?: number;
}

const probeOptions = z.strictObject({ intervalMs: timerMs(100).default(10_000) });
registerCall("StalenessProbe", "new StalenessProbe(cache, { intervalMs: 10000 })", probeOptions);

/** Its own: nothing of anybody is read, written or invalidated. */
const TENANT = "etc-staleness-probe";
const MODULE = "etc-staleness-probe";
const DAY_MS = 86_400_000;
/** The writer of an interval keeps the right to write for most of it. */
const TURN = 0.9;

/**
 * Two counters in the store: the truth, which a writer raises as a handler changes a row, and what has been confirmed, which it raises
 * once its invalidation has been. Whoever reads through the cache an older truth than what had been confirmed before is stale. Whatever it
 * names belongs to one day, so that counters that end (with their TTL) are not compared with those that go on.
 */
export class StalenessProbe {
  readonly #engine: CacheEngine;
  readonly #intervalMs: number;
  #timer: Timer | undefined;
  #isRunning = false;
  #freshAtMs = monotonicNow();

  /**
   * @param cache on a store with the part `keyed`
   * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`, `ETC_STORE_PART`
   */
  constructor(cache: TenantCache, options: StalenessProbeOptions = {}, ...surplus: never[]) {
    refuseSurplus("StalenessProbe", surplus, "one object: new StalenessProbe(cache, { intervalMs })");
    this.#intervalMs = parse("StalenessProbe", probeOptions, options).intervalMs;
    this.#engine = engineOf(cache);
    requirePart(this.#engine.store, "keyed", "StalenessProbe");
    this.#engine.counters.probe ??= { writes: 0, fresh: 0, stale: 0, failed: 0, staleSeconds: 0 };
  }

  /** What has been found since the process began. */
  get figures(): ProbeFigures {
    return { ...this.#figures };
  }

  /** Writes and reads at intervals from now on; keeps no process alive. */
  start(): this {
    if (!this.#isRunning) {
      this.#isRunning = true;
      // Processes that start together do not read together.
      this.#schedule(this.#intervalMs * Math.random());
    }
    return this;
  }

  stop(): void {
    this.#isRunning = false;
    clearTimeout(this.#timer);
  }

  /** Writes, where no other process has in this interval, and reads. Never rejects. */
  async probe(): Promise<ProbeFigures> {
    try {
      await this.#write();
      await this.#read();
    } catch {
      this.#figures.failed++;
    }
    return this.figures;
  }

  get #figures(): { -readonly [Name in keyof ProbeFigures]: ProbeFigures[Name] } {
    // Set by the constructor.
    return this.#engine.counters.probe as ProbeFigures;
  }

  #schedule(delayMs: number): void {
    this.#timer = later(delayMs, () => {
      void this.probe().then(() => {
        if (this.#isRunning) this.#schedule(this.#intervalMs);
      });
    });
  }

  async #write(): Promise<void> {
    const { gate, keys, store } = this.#engine;
    const keyed = keyedOf(store);
    const lock = keys.lock(TENANT, MODULE);
    const holder = randomToken();
    const turnMs = Math.ceil(this.#intervalMs * TURN);
    if (!(await gate.run(() => keyed.takeLock(lock, holder, turnMs)))) return;
    const { truth, confirmed } = this.#counters();
    const version = await gate.run(() => keyed.addToCounter(truth, 1, 2 * DAY_MS));
    this.#figures.writes++;
    const scope = { tenant: TENANT, modules: [MODULE], tags: [] };
    if (!(await this.#engine.invalidate(scope, { kind: "job", name: "staleness probe" }))) return;
    const known = (await gate.run(() => keyed.readCounter(confirmed))) ?? 0;
    // Whoever took too long is not the only writer any more.
    if (version > known && (await gate.run(() => keyed.renewLock(lock, holder, turnMs))))
      await gate.run(() => keyed.addToCounter(confirmed, version - known, 2 * DAY_MS));
  }

  async #read(): Promise<void> {
    const { gate, store } = this.#engine;
    const { confirmed } = this.#counters();
    const known = (await gate.run(() => keyedOf(store).readCounter(confirmed))) ?? 0;
    const version = await this.#lookUp();
    const figures = this.#figures;
    if (version === undefined) figures.failed++;
    else if (version >= known) {
      figures.fresh++;
      figures.staleSeconds = 0;
      this.#freshAtMs = monotonicNow();
    } else {
      figures.stale++;
      figures.staleSeconds = (monotonicNow() - this.#freshAtMs) / 1000;
    }
  }

  /** As a request of a route reads; `undefined` where the cache was not used. */
  async #lookUp(): Promise<number | undefined> {
    const { gate, lookups, store } = this.#engine;
    const outcome = await lookups.readToFill(this.#ref());
    if (outcome.kind === "hit") return Number(outcome.entry.body.toString("latin1"));
    if (outcome.kind === "bypass") return undefined;
    const opened = await outcome.open();
    if (opened.kind === "follow") return Number(opened.entry.body.toString("latin1"));
    if (opened.kind !== "lead") return undefined;
    try {
      const version = (await gate.run(() => keyedOf(store).readCounter(this.#counters().truth))) ?? 0;
      const nowMs = Date.now();
      opened.fill.commit({
        createdAt: nowMs,
        staleAt: nowMs + DAY_MS,
        expiresAt: nowMs + DAY_MS,
        status: 200,
        statusMessage: "",
        etag: "",
        headers: [],
        removedHeaders: [],
        body: Buffer.from(String(version), "latin1"),
        variants: [],
      });
      return version;
    } catch (error) {
      opened.fill.abandon("failed");
      throw error;
    }
  }

  #counters(): { readonly truth: string; readonly confirmed: string } {
    const { keys } = this.#engine;
    const day = dayNow();
    return {
      truth: keys.counter(TENANT, `truth-${day}`),
      confirmed: keys.counter(TENANT, `confirmed-${day}`),
    };
  }

  #ref(): EntryRef {
    const { keys } = this.#engine;
    const name = dayNow();
    return {
      tenant: TENANT,
      module: MODULE,
      entryKey: keys.entry(TENANT, MODULE, name),
      leaseKey: keys.lease(TENANT, MODULE, name),
      identity: `${TENANT}\n${MODULE}\n${name}`,
      fenceKeys: [keys.fence(TENANT), keys.fence(TENANT, MODULE)],
      settleMs: 0,
      maxStaleness: 0,
      maxEntries: 2,
    };
  }
}

function dayNow(): string {
  return String(Math.floor(Date.now() / DAY_MS));
}
