// Fills: at most one handler runs for an entry, in this process (single flight) and across processes (lease).
import { BoundedMap } from "../bounded-map.js";
import { changedAtMs, isPending } from "../store/fence-token.js";
import type { FillStart, LeaseState } from "../store/store.js";
import { delay, monotonicNow } from "../timers.js";
import { type EntryRef, examine } from "./entry-ref.js";
import type { EntryWriter, EntryWriterOptions, WriteStart } from "./entry-writer.js";
import { entryOf, type Fill, type FillOutcome, run } from "./fill.js";
import {
  type Begun,
  FillStarts,
  type FillStartsOptions,
  type FillStartsParts,
  type Miss,
} from "./fill-starts.js";
import { Flight, follow, type Landing } from "./flight.js";

export interface FillsOptions extends EntryWriterOptions, FillStartsOptions {
  /** How long a request waits for another's handler before it runs its own, milliseconds. */
  readonly waitMs: number;
  /** The most requests that wait for one handler; the next run their own. */
  readonly maxWaiting: number;
}

/** What a fill starts from. */
interface Start extends WriteStart {
  /** The tokens with the run id, as entries carry them. */
  readonly fences: string;
  readonly state: LeaseState;
}

/** What came of asking the store for the fences to start from. */
interface Taken {
  /** Present where its handler is still to begin. */
  readonly flight?: Flight;
  readonly outcome: FillOutcome | Promise<FillOutcome>;
}

const MAX_SKIPPED_CHARACTERS = 2 * 1024 * 1024;
const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 50;

export class Fills {
  readonly #writer: EntryWriter;
  readonly #options: FillsOptions;
  readonly #flights = new Map<string, Flight>();
  readonly #beginnings = new Map<string, { readonly identity: string; readonly taken: Promise<Taken> }>();
  /** What came of the looks that requests share. */
  readonly #taken = new WeakMap<Begun, Taken>();
  /** Until when nobody waits for an entry, on the clock of {@link monotonicNow}. */
  readonly #skipped = new BoundedMap<number>({ maxCharacters: MAX_SKIPPED_CHARACTERS });
  readonly #starts: FillStarts;

  constructor(parts: FillStartsParts, options: FillsOptions) {
    this.#starts = new FillStarts(parts, options);
    this.#writer = parts.writer;
    this.#options = options;
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /**
   * Decides what a request does that missed.
   *
   * Following is fresh: a follower's own read returned the very fences that the leader started from, so no mutation
   * was acknowledged between the two, and the leader's handler began after them. So it is where the leader's handler begins
   * after the follower has come.
   */
  async open(ref: EntryRef, miss: Miss): Promise<FillOutcome> {
    if (miss.begun) return this.#openBegun(ref, miss, miss.begun);
    const mayFollow = miss.notBeforeMs === undefined;
    const flight = mayFollow ? this.#joinable(ref, miss.seen) : undefined;
    if (flight) return this.#follow(ref, flight);
    if (!mayFollow) return (await this.#take(ref, miss, false)).outcome;
    const beginning = this.#beginnings.get(ref.entryKey);
    if (beginning?.identity !== ref.identity) return (await this.#takeFirst(ref, miss)).outcome;
    const taken = await beginning.taken;
    return (await this.#alongWith(ref, taken, miss)) ?? (await this.#take(ref, miss, true)).outcome;
  }

  /**
   * Looks an entry up, and begins its fill in the same step where it is not there. Rejects as the gate does.
   * Whoever gets what has begun either opens the fill with it or drops it.
   */
  look(ref: EntryRef, expiresAtMs?: number): Promise<Begun> {
    return this.#starts.look(ref, { withLease: this.#isWorthWaitingFor(ref), expiresAtMs });
  }

  drop(begun: Begun): void {
    this.#starts.drop(begun);
  }

  /** The first of those who looked together leads, in this very step, and the others follow: its handler begins after they came. */
  async #openBegun(ref: EntryRef, miss: Miss, begun: Begun): Promise<FillOutcome> {
    const taken = this.#taken.get(begun);
    if (taken)
      return (await this.#alongWith(ref, taken, miss)) ?? (await this.#take(ref, miss, true)).outcome;
    const first = this.#takeFrom(ref, this.#startFrom(ref, begun), true);
    this.#taken.set(begun, first);
    return first.outcome;
  }

  /** Requests that come while the store is asked for the fences to start from do not ask it, too. */
  #takeFirst(ref: EntryRef, miss: Miss): Promise<Taken> {
    const beginning = { identity: ref.identity, taken: this.#take(ref, miss, true) };
    this.#beginnings.set(ref.entryKey, beginning);
    const done = () => {
      if (this.#beginnings.get(ref.entryKey) === beginning) this.#beginnings.delete(ref.entryKey);
    };
    beginning.taken.then(done, done);
    return beginning.taken;
  }

  /** What another request has begun while this one was here already; `undefined` where this one must begin for itself. */
  async #alongWith(ref: EntryRef, { flight, outcome }: Taken, miss: Miss): Promise<FillOutcome | undefined> {
    // Whoever's handler that is, it began after this request had come.
    if (flight) return this.#follow(ref, flight);
    const settled = await outcome;
    if (settled.kind === "run") return settled;
    // An entry that was there, or under way, may be from before a change that this request must see.
    return settled.kind === "follow" && settled.entry.fences === miss.seen ? settled : undefined;
  }

  async #take(ref: EntryRef, miss: Miss, mayFollow: boolean): Promise<Taken> {
    return this.#takeFrom(ref, await this.#begin(ref, miss), mayFollow);
  }

  #takeFrom(ref: EntryRef, start: Start | FillOutcome, mayFollow: boolean): Taken {
    if ("kind" in start) return { outcome: start };
    const flight = new Flight(ref.identity, start.fences, this.#patienceMs(ref));
    // Known not to be storable, or asked to be newer than what is under way: nobody waits for anybody, but what can be
    // stored is.
    if (!mayFollow || this.#isSkipped(ref)) return { outcome: this.#fill(ref, start, flight) };

    const joined = this.#joinable(ref, start.fences);
    if (joined) {
      this.#writer.giveBack(start.lease);
      return { outcome: this.#follow(ref, joined) };
    }
    if (start.state !== "waiting") return { flight, outcome: this.#lead(ref, start, flight) };
    // The lease is that of a handler of this process, which is overdue: nobody waits for it.
    const isOverdue = this.#flights.get(ref.entryKey)?.fences === start.fences;
    return isOverdue
      ? { outcome: run("wait-exceeded") }
      : { flight, outcome: this.#awaitOtherProcess(ref, flight) };
  }

  async #follow({ durations }: EntryRef, flight: Flight): Promise<FillOutcome> {
    const outcome = await follow(flight, this.#options.maxWaiting);
    // Its handler may never end, so that it counts now.
    if (durations && monotonicNow() - flight.beganAtMs >= this.#options.waitMs) flight.count(durations);
    return outcome;
  }

  #joinable(ref: EntryRef, fences: string | undefined): Flight | undefined {
    const flight = this.#flights.get(ref.entryKey);
    if (flight?.identity !== ref.identity || flight.fences !== fences) return undefined;
    return monotonicNow() < flight.overdueAtMs ? flight : undefined;
  }

  /** Asks the store what to start from; or says at once what the request does instead. */
  async #begin(ref: EntryRef, miss?: Miss): Promise<Start | FillOutcome> {
    const withLease = this.#isWorthWaitingFor(ref);
    try {
      const begun = await this.#starts.ask(ref, { withLease, expiresAtMs: miss?.expiresAtMs });
      return this.#startFrom(ref, begun, miss?.notBeforeMs);
    } catch (error) {
      this.#writer.countFailure(ref, error);
      return run("store-unavailable");
    }
  }

  /** Takes the lease that came with the answer. */
  #startFrom(ref: EntryRef, begun: Begun, notBeforeMs = 0): Start | FillOutcome {
    const { answer, fences } = begun;
    if (answer.lease === "skipped") this.#skip(ref);
    const instead = this.#instead(ref, answer, fences, notBeforeMs);
    if (instead) {
      this.#starts.drop(begun);
      return instead;
    }
    const { lease } = begun;
    begun.lease = undefined;
    return { tokens: answer.fences, fences, state: answer.lease, lease };
  }

  #instead(ref: EntryRef, answer: FillStart, fences: string, notBeforeMs: number): FillOutcome | undefined {
    if (answer.fences.some(isPending)) return run("write-pending");
    // Written so that a fence without a time, which no store writes, counts as one that has just changed.
    if (ref.settleMs > 0 && !(answer.nowMs - changedAtMs(answer.fences) >= ref.settleMs))
      return run("settling");
    const verdict = examine(ref, answer.entry, fences, this.#options.sealer);
    if (verdict.kind !== "valid") return undefined;
    // One of the very millisecond in which somebody asked for a newer one may be from before that.
    const isFresh = verdict.entry.staleAt > Date.now() && verdict.entry.createdAt > notBeforeMs;
    return isFresh ? { kind: "follow", entry: verdict.entry } : undefined;
  }

  /** Another process fills the entry: this one polls for it, once for all its requests. */
  async #awaitOtherProcess(ref: EntryRef, flight: Flight): Promise<FillOutcome> {
    this.#flights.set(ref.entryKey, flight);
    const giveUpAtMs = flight.overdueAtMs;
    for (
      let pollMs = FIRST_POLL_MS;
      monotonicNow() < giveUpAtMs;
      pollMs = Math.min(2 * pollMs, MAX_POLL_MS)
    ) {
      await delay(pollMs, undefined, { ref: false });
      const start = await this.#begin(ref);
      if ("kind" in start) {
        this.#land(ref, flight, start.kind === "follow" ? start : undefined);
        return start;
      }
      if (start.state === "leading") return this.#lead(ref, start, flight);
      if (start.state !== "waiting") {
        this.#land(ref, flight, undefined);
        return run("unstorable");
      }
    }
    this.#land(ref, flight, undefined);
    // One that does not end by itself would have every request wait for nobody.
    this.#writer.removeLease(ref.leaseKey);
    return run("wait-exceeded");
  }

  #lead(ref: EntryRef, start: Start, flight: Flight): FillOutcome {
    // A flight that waited for another process may start from younger fences than it began with: its followers
    // only get something newer than they asked for.
    flight.fences = start.fences;
    flight.begin(this.#patienceMs(ref));
    this.#flights.set(ref.entryKey, flight);
    return this.#fill(ref, start, flight);
  }

  /** Else no lease is taken: other processes need not find out for themselves. */
  #isWorthWaitingFor(ref: EntryRef): boolean {
    return !this.#isSkipped(ref) && this.#patienceMs(ref) > 0;
  }

  /** How long a request waits for another's handler. */
  #patienceMs({ durations }: EntryRef): number {
    return durations ? durations.patienceMs() : this.#options.waitMs;
  }

  #fill(ref: EntryRef, start: Start, flight: Flight): FillOutcome {
    const fill: Fill = {
      isUnlikely: this.#isSkipped(ref),
      unshare: () => {
        this.#land(ref, flight, undefined);
        this.#skip(ref);
        this.#writer.giveBack(start.lease, this.#options.skipMs);
      },
      commit: (recording) => {
        flight.count(ref.durations);
        const entry = entryOf(recording, ref.identity, start.fences);
        this.#land(ref, flight, { kind: "follow", entry });
        this.#writer.writeBehind(ref, start, entry, (outcome) => {
          if (outcome === "too-large" || outcome === "refused") this.#skip(ref);
          else this.#skipped.delete(ref.entryKey);
        });
      },
      share: (recording) => {
        flight.count(ref.durations);
        const entry = entryOf(recording, ref.identity, start.fences);
        this.#land(ref, flight, { kind: "follow", entry });
        this.#writer.giveBack(start.lease);
      },
      fail: (error) => {
        this.#land(ref, flight, { kind: "failed", error });
        this.#writer.giveBack(start.lease);
      },
      abandon: (why) => {
        this.#land(ref, flight, undefined);
        if (why === "unstorable") this.#skip(ref);
        this.#writer.giveBack(start.lease, why === "unstorable" ? this.#options.skipMs : 0);
      },
    };
    return { kind: "lead", fill };
  }

  #skip(ref: EntryRef): void {
    this.#skipped.set(ref.entryKey, monotonicNow() + this.#options.skipMs);
  }

  #isSkipped(ref: EntryRef): boolean {
    const untilMs = this.#skipped.get(ref.entryKey);
    return untilMs !== undefined && monotonicNow() < untilMs;
  }

  #land(ref: EntryRef, flight: Flight, landing: Landing): void {
    if (this.#flights.get(ref.entryKey) === flight) this.#flights.delete(ref.entryKey);
    flight.land(landing);
  }
}
