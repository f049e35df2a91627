// Fills: at most one handler runs for an entry, in this process (single flight) and across processes (lease).
import { setTimeout as delay } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { decodeEntry, type Entry, encodeEntry } from "../codec/entry.js";
import type { Counters } from "../ops/counters.js";
import { changedAtMs, isPending, randomToken } from "../store/fence-token.js";
import type { FillStart, HeldLease, Store } from "../store/store.js";
import type { EntryRef } from "./entry-ref.js";
import { areSettled, joinFences } from "./fences.js";
import type { Fill, FillOutcome, RunReason } from "./fill.js";
import { type StoreGate, StoreUnavailable } from "./store-gate.js";

export interface FillsOptions {
  readonly fenceTtlMs: number;
  /** How long a request waits for another's handler before it runs its own, milliseconds. */
  readonly waitMs: number;
  /** How long other processes wait for ours, milliseconds: a dead holder's lease ends by itself. */
  readonly leaseMs: number;
  /** The most requests that wait for one handler; the next run their own. */
  readonly maxWaiting: number;
  /** How long nobody waits for an entry that turned out not to be storable, milliseconds. */
  readonly skipMs: number;
}

interface Flight {
  fences: string;
  waiting: number;
  readonly answer: Promise<Entry | undefined>;
  readonly land: (entry: Entry | undefined) => void;
}

const MAX_SKIPPED = 10_000;
const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 50;

export class Fills {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #counters: Counters;
  readonly #options: FillsOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #skipped: LRUCache<string, true>;
  readonly #background = new Set<Promise<unknown>>();

  constructor(store: Store, gate: StoreGate, counters: Counters, options: FillsOptions) {
    this.#store = store;
    this.#gate = gate;
    this.#counters = counters;
    this.#options = options;
    this.#skipped = new LRUCache({ max: MAX_SKIPPED, ttl: options.skipMs });
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /**
   * Decides what a request does that missed. `seen` are the fences that its read returned, where all were there.
   *
   * Following is fresh: a follower's own read returned the very fences that the leader started from, so no mutation
   * was acknowledged between the two, and the leader's handler began after them.
   */
  async open(ref: EntryRef, seen: string | undefined): Promise<FillOutcome> {
    const flight = this.#flights.get(ref.entryKey);
    if (flight && flight.fences === seen) return this.#follow(flight);
    const lease = this.#skipped.has(ref.entryKey) ? undefined : { key: ref.leaseKey, holder: randomToken() };
    const start = await this.#begin(ref, lease);
    if (typeof start === "string") return run(start);

    const fences = joinFences(start.runId, start.fences);
    const joined = this.#flights.get(ref.entryKey);
    if (joined && joined.fences === fences) {
      if (start.lease === "leading" && lease) this.#release(lease, 0);
      return this.#follow(joined);
    }
    if (start.lease === "skipped") this.#skipped.set(ref.entryKey, true);
    if (start.lease === "waiting") return this.#awaitOtherProcess(ref, fences);
    return this.#lead(ref, start, start.lease === "leading" ? lease : undefined, newFlight(fences));
  }

  /** Resolves when all stores that were begun behind responses are done. */
  async idle(): Promise<void> {
    while (this.#background.size > 0) await Promise.allSettled(this.#background);
  }

  async #begin(ref: EntryRef, lease: HeldLease | undefined): Promise<FillStart | RunReason> {
    const { fenceTtlMs, leaseMs } = this.#options;
    let start: FillStart;
    try {
      start = await this.#gate.run(() =>
        this.#store.beginFill({
          fenceKeys: ref.fenceKeys,
          fenceTtlMs,
          ...(lease && { lease: { ...lease, ttlMs: leaseMs } }),
        }),
      );
    } catch (error) {
      this.#countFailure(ref, error);
      return "store-unavailable";
    }
    const pending = start.fences.some(isPending);
    const settling = !pending && ref.settleMs > 0 && start.nowMs - changedAtMs(start.fences) < ref.settleMs;
    if (!pending && !settling) return start;
    if (start.lease === "leading" && lease) this.#release(lease, 0);
    return pending ? "write-pending" : "settling";
  }

  async #follow(flight: Flight): Promise<FillOutcome> {
    if (flight.waiting >= this.#options.maxWaiting) return run("wait-exceeded");
    flight.waiting++;
    const timeout = new AbortController();
    const waited = delay(this.#options.waitMs, "wait-exceeded" as const, {
      signal: timeout.signal,
      ref: false,
    });
    try {
      const answer = await Promise.race([flight.answer, waited]);
      if (answer === "wait-exceeded") return run("wait-exceeded");
      return answer ? { kind: "follow", entry: answer } : run("unstorable");
    } finally {
      flight.waiting--;
      timeout.abort();
      waited.catch(() => undefined);
    }
  }

  /** Another process fills the entry: this one polls for it, once for all its requests. */
  async #awaitOtherProcess(ref: EntryRef, fences: string): Promise<FillOutcome> {
    const flight = newFlight(fences);
    this.#flights.set(ref.entryKey, flight);
    const giveUpAtMs = performance.now() + this.#options.waitMs;
    for (
      let pollMs = FIRST_POLL_MS;
      performance.now() < giveUpAtMs;
      pollMs = Math.min(2 * pollMs, MAX_POLL_MS)
    ) {
      await delay(pollMs, undefined, { ref: false });
      const entry = await this.#poll(ref);
      if (entry) {
        this.#land(ref, flight, entry);
        return { kind: "follow", entry };
      }
      const lease = { key: ref.leaseKey, holder: randomToken() };
      const start = await this.#begin(ref, lease);
      if (typeof start === "string") return this.#stopWaiting(ref, flight, start);
      if (start.lease === "skipped") {
        this.#skipped.set(ref.entryKey, true);
        return this.#stopWaiting(ref, flight, "unstorable");
      }
      if (start.lease === "leading") return this.#lead(ref, start, lease, flight);
    }
    return this.#stopWaiting(ref, flight, "wait-exceeded");
  }

  async #poll(ref: EntryRef): Promise<Entry | undefined> {
    try {
      const snapshot = await this.#gate.run(() => this.#store.read(ref.fenceKeys, ref.entryKey));
      const entry = snapshot.entry && areSettled(snapshot.fences) ? decodeEntry(snapshot.entry) : undefined;
      if (!entry || entry.identity !== ref.identity) return undefined;
      return entry.fences === joinFences(snapshot.runId, snapshot.fences as string[]) ? entry : undefined;
    } catch {
      return undefined;
    }
  }

  #stopWaiting(ref: EntryRef, flight: Flight, reason: RunReason): FillOutcome {
    this.#land(ref, flight, undefined);
    return run(reason);
  }

  #lead(ref: EntryRef, start: FillStart, lease: HeldLease | undefined, flight: Flight): FillOutcome {
    // A flight that waited for another process may start from younger fences than it began with: its followers
    // only get something newer than they asked for.
    flight.fences = joinFences(start.runId, start.fences);
    this.#flights.set(ref.entryKey, flight);
    const fill: Fill = {
      commit: (recording) => {
        const entry = { ...recording, identity: ref.identity, fences: flight.fences };
        this.#land(ref, flight, entry);
        this.#inBackground(this.#commit(ref, start, lease, entry));
      },
      abandon: (why) => {
        this.#land(ref, flight, undefined);
        if (why === "unstorable") this.#skipped.set(ref.entryKey, true);
        if (lease) this.#release(lease, why === "unstorable" ? this.#options.skipMs : 0);
      },
    };
    return { kind: "lead", fill };
  }

  #land(ref: EntryRef, flight: Flight, entry: Entry | undefined): void {
    if (this.#flights.get(ref.entryKey) === flight) this.#flights.delete(ref.entryKey);
    flight.land(entry);
  }

  async #commit(ref: EntryRef, start: FillStart, lease: HeldLease | undefined, entry: Entry): Promise<void> {
    try {
      const stored = await this.#gate.run(() =>
        this.#store.commitFill({
          tenant: ref.tenant,
          module: ref.module,
          entryKey: ref.entryKey,
          value: encodeEntry(entry),
          ttlMs: entry.expiresAt - Date.now(),
          maxEntries: ref.maxEntries,
          fenceKeys: ref.fenceKeys,
          fences: start.fences,
          fenceTtlMs: this.#options.fenceTtlMs,
          ...(lease && { lease }),
        }),
      );
      this.#counters.add(stored ? "sets" : "fenced", ref.tenant, ref.module);
    } catch (error) {
      this.#countFailure(ref, error);
    }
  }

  /** An open circuit is a state, counted as bypasses, not as errors. */
  #countFailure(ref: EntryRef, error: unknown): void {
    if (!(error instanceof StoreUnavailable)) this.#counters.add("errors", ref.tenant, ref.module);
  }

  #release(lease: HeldLease, skipMs: number): void {
    this.#inBackground(this.#gate.run(() => this.#store.abandonFill(lease, skipMs)));
  }

  #inBackground(work: Promise<unknown>): void {
    const settled = work.catch(() => undefined).finally(() => this.#background.delete(settled));
    this.#background.add(settled);
  }
}

function run(reason: RunReason): FillOutcome {
  return { kind: "run", reason };
}

function newFlight(fences: string): Flight {
  let land: Flight["land"] = () => undefined;
  const answer = new Promise<Entry | undefined>((resolve) => {
    land = resolve;
  });
  return { fences, waiting: 0, answer, land };
}
