// Fills: at most one handler runs for an entry, in this process (single flight) and across processes (lease).
//
// A fill begins with a read that found no entry to answer from (a `Miss`, see `miss.ts`), and ends when the
// entry is stored, or is known not to be storable.
//
// The order of steps. The store is asked for the tokens of the entry's fences and for its lease, in one step
// (`fill-starts.ts`). A request that gets the lease leads: it begins a flight, runs its handler, and hands
// the answer to its fill (`led-fill.ts`). That settles the flight, so that those who wait answer too, and
// stores the entry behind the responses, provided that the fences still have the tokens from before the
// handler ran. A mutation in between has replaced one, and the store refuses.
//
// Who may follow. A follower must not get an answer that is older than a change that was acknowledged before
// the follower came. There are two proofs of that, and each method here uses one of them:
// - The follower's own read found the very fences that the flight started from. So no change was acknowledged
//   between the two, and the flight's handler began after all earlier ones (`#joinable`).
// - The handler of the flight begins after the follower has come. That is so where both wait for the same
//   answer of the store, because a leader begins only after that answer (`#beginnings`, `decision`,
//   `#joinDecision`).
//
// Other processes. Where the lease is another process's, one request here polls for the entry, and the others
// follow its flight. If the other process gives up, the next poll gets the lease, and the same flight goes on
// with a handler of this process.
//
// Who waits for nobody. A request runs its handler alone
// - after `waitMs`, or sooner where the route's handlers usually take longer (`handler-durations.ts`),
// - where `maxWaiting` requests wait already,
// - for a while (`skipMs`) after an answer for this entry could not be stored: there is neither flight nor
//   lease then, but an answer that can be stored is stored.
//
// A request that wants an answer from after a certain time (`max-age=0`) leads its own fill, beside others.
import { changedAtMs, isPending } from "../store/fence-token.js";
import type { FillStart, LeaseState } from "../store/store.js";
import { delay, monotonicNow } from "../timers.js";
import type { Waiter } from "./bounded-wait.js";
import { type EntryRef, examine } from "./entry-ref.js";
import type { EntryWriter, EntryWriterOptions } from "./entry-writer.js";
import { type FillOutcome, runAlone } from "./fill.js";
import { FillStarts, type FillStartsOptions, type FillStartsParts, type SharedStart } from "./fill-starts.js";
import { type Decision, Flight, type FlightResult, follow, LEFT } from "./flight.js";
import { type FillHost, LedFill, type OwnStart } from "./led-fill.js";
import type { FillOpener, MissedRead } from "./miss.js";
import { SkippedEntries } from "./skipped-entries.js";

export interface FillsOptions extends EntryWriterOptions, FillStartsOptions {
  /** How long a request waits for another's handler before it runs its own, milliseconds. */
  readonly waitMs: number;
  /** The most requests that wait for one handler; the next run their own. */
  readonly maxWaiting: number;
}

/** The start of a fill and whose its lease is; or what the request does instead. */
type Started = (OwnStart & { readonly state: LeaseState; readonly mayFollow: boolean }) | FillOutcome;

const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 50;

export class Fills implements FillOpener {
  readonly #writer: EntryWriter;
  readonly #options: FillsOptions;
  readonly #flights = new Map<string, Flight>();
  /** Requests that have asked the store what to start from, and are not answered yet; by entry key. */
  readonly #beginnings = new Map<
    string,
    { readonly identity: string; readonly decision: Promise<Decision> }
  >();
  readonly skipped: SkippedEntries;
  readonly #starts: FillStarts;
  readonly #host: FillHost;

  constructor(parts: FillStartsParts, options: FillsOptions) {
    this.#starts = new FillStarts(parts, options);
    this.#writer = parts.writer;
    this.#options = options;
    this.skipped = new SkippedEntries(options.skipMs);
    this.#host = {
      writer: parts.writer,
      skipped: this.skipped,
      skipMs: options.skipMs,
      advisor: options.advisor,
      settle: (ref, flight, result) => this.#settle(ref, flight, result),
    };
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  /** Whether a request that has read these fences would follow a handler of this process. */
  isUnderWay(ref: EntryRef, seen: string | undefined): boolean {
    return this.#joinable(ref, seen) !== undefined;
  }

  /** Decides what a request does that missed: joins what is under way, or begins. Never rejects. */
  async open(ref: EntryRef, read: MissedRead, notBeforeMs?: number): Promise<FillOutcome> {
    if (notBeforeMs !== undefined) {
      if (read.begun) this.drop(read.begun);
      return (await this.#begin(ref, read, notBeforeMs)).outcome;
    }
    if (read.begun) return this.#openBegun(ref, read, read.begun);
    const flight = this.#joinable(ref, read.seen);
    if (flight) return this.#follow(ref, flight, read.waiter);
    const beginning = this.#beginnings.get(ref.entryKey);
    if (beginning?.identity !== ref.identity) return (await this.#beginFirst(ref, read)).outcome;
    return this.#join(ref, await beginning.decision, read);
  }

  /**
   * Reads an entry, and begins its fill in the same step where it is not there. Rejects as the gate does.
   * Whoever gets an answer opens the fill with it, or drops it.
   */
  readOrBegin(ref: EntryRef, expiresAtMs?: number): Promise<SharedStart> {
    return this.#starts.readOrBegin(ref, { withLease: this.#isWorthWaitingFor(ref), expiresAtMs });
  }

  drop(begun: SharedStart): void {
    this.#starts.drop(begun);
  }

  /**
   * Of those that share an answer the first leads, in this very step. The others follow: its handler begins
   * after they came.
   */
  async #openBegun(ref: EntryRef, read: MissedRead, begun: SharedStart): Promise<FillOutcome> {
    const first = begun.decision;
    if (first) return this.#join(ref, first, read);
    const decision = this.#decide(ref, this.#startFrom(ref, begun), true, read.waiter);
    begun.decision = decision;
    return decision.outcome;
  }

  /**
   * Requests that come while the store is asked what to start from do not ask it, too: they join what this
   * one decides.
   */
  #beginFirst(ref: EntryRef, read: MissedRead): Promise<Decision> {
    const beginning = { identity: ref.identity, decision: this.#begin(ref, read) };
    this.#beginnings.set(ref.entryKey, beginning);
    const done = () => {
      if (this.#beginnings.get(ref.entryKey) === beginning) this.#beginnings.delete(ref.entryKey);
    };
    beginning.decision.then(done, done);
    return beginning.decision;
  }

  /** Goes along with a request that decided after this one had come; begins for itself where it may not. */
  async #join(ref: EntryRef, decision: Decision, read: MissedRead): Promise<FillOutcome> {
    return (await this.#joinDecision(ref, decision, read)) ?? (await this.#begin(ref, read)).outcome;
  }

  async #joinDecision(
    ref: EntryRef,
    { flight, outcome }: Decision,
    read: MissedRead,
  ): Promise<FillOutcome | undefined> {
    // The flight was begun after this request had come, and its handler begins later still: it sees all that
    // this one must see.
    if (flight) return this.#follow(ref, flight, read.waiter);
    const settled = await outcome;
    if (settled === LEFT) return undefined;
    if (settled.kind === "run") return settled;
    // It has found an entry, or a flight that was under way before. Either may be from before a change that
    // this request must see, unless this request's own read found the same fences.
    return settled.kind === "follow" && settled.entry.fences === read.seen ? settled : undefined;
  }

  /** @param notBeforeMs where present, the request follows nobody, and nobody follows it */
  async #begin(ref: EntryRef, read: MissedRead, notBeforeMs?: number): Promise<Decision> {
    const start = await this.#askForStart(ref, read.expiresAtMs, notBeforeMs);
    return this.#decide(ref, start, notBeforeMs === undefined, read.waiter);
  }

  #decide(ref: EntryRef, start: Started, mayFollow: boolean, waiter?: Waiter): Decision {
    if ("kind" in start) return { outcome: start };
    const flight = new Flight(ref.identity, start.fences, this.#patienceMs(ref));
    const isAlone = !mayFollow || !start.mayFollow || this.skipped.has(ref);
    if (isAlone) return { outcome: this.#fill(ref, start, flight) };
    const joined = this.#joinable(ref, start.fences);
    if (joined) {
      this.#writer.releaseLease(start.lease);
      return { outcome: this.#follow(ref, joined, waiter) };
    }
    if (start.state !== "waiting") return { flight, outcome: this.#lead(ref, start, flight) };
    // The lease is that of a handler of this process, which is overdue: nobody waits for it.
    const isOverdue = this.#flights.get(ref.entryKey)?.fences === start.fences;
    return isOverdue
      ? { outcome: runAlone("wait-exceeded") }
      : { flight, outcome: this.#awaitOtherProcess(ref, flight) };
  }

  async #follow({ durations }: EntryRef, flight: Flight, waiter?: Waiter): Promise<FillOutcome> {
    const outcome = await follow(flight, this.#options.maxWaiting, waiter);
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
  async #askForStart(ref: EntryRef, expiresAtMs?: number, notBeforeMs?: number): Promise<Started> {
    const withLease = this.#isWorthWaitingFor(ref);
    try {
      return this.#startFrom(ref, await this.#starts.ask(ref, { withLease, expiresAtMs }), notBeforeMs);
    } catch (error) {
      this.#writer.countFailure(ref, error);
      return runAlone("store-unavailable");
    }
  }

  /** Takes the lease that came with the answer. */
  #startFrom(ref: EntryRef, shared: SharedStart, notBeforeMs = 0): Started {
    const { answer, fences } = shared;
    if (answer.lease === "skipped") this.skipped.add(ref);
    const instead = this.#instead(ref, answer, fences, notBeforeMs);
    if (instead) {
      this.#starts.drop(shared);
      return instead;
    }
    const { lease } = shared;
    shared.lease = undefined;
    const mayFollow = answer.mayFollow !== false;
    return { tokens: answer.fences, fences, state: answer.lease, lease, mayFollow };
  }

  #instead(ref: EntryRef, answer: FillStart, fences: string, notBeforeMs: number): FillOutcome | undefined {
    if (answer.fences.some(isPending)) return runAlone("write-pending");
    if (answer.unstorable) return runAlone(answer.unstorable);
    // Written so that a fence without a time, which no store writes, counts as one that has just changed.
    if (ref.settleMs > 0 && !(answer.nowMs - changedAtMs(answer.fences) >= ref.settleMs))
      return runAlone("settling");
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
    let pollMs = FIRST_POLL_MS;
    while (monotonicNow() < giveUpAtMs) {
      await delay(pollMs, undefined, { ref: false });
      pollMs = Math.min(2 * pollMs, MAX_POLL_MS);
      const start = await this.#askForStart(ref);
      if ("kind" in start) {
        this.#settle(ref, flight, start.kind === "follow" ? start : undefined);
        return start;
      }
      if (start.state === "leading") return this.#lead(ref, start, flight);
      if (start.state !== "waiting") {
        this.#settle(ref, flight, undefined);
        return runAlone("unstorable");
      }
    }
    this.#settle(ref, flight, undefined);
    // One that does not end by itself would have every request wait for nobody.
    this.#writer.removeLease(ref.leaseKey);
    return runAlone("wait-exceeded");
  }

  #lead(ref: EntryRef, start: OwnStart, flight: Flight): FillOutcome {
    // After waiting for another process the fences may be younger: followers get something newer then.
    flight.fences = start.fences;
    flight.begin(this.#patienceMs(ref));
    this.#flights.set(ref.entryKey, flight);
    return this.#fill(ref, start, flight);
  }

  /** Else no lease is taken: other processes need not find out for themselves. */
  #isWorthWaitingFor(ref: EntryRef): boolean {
    return !this.skipped.has(ref) && this.#patienceMs(ref) > 0;
  }

  /** How long a request waits for another's handler. */
  #patienceMs({ durations }: EntryRef): number {
    return durations ? durations.patienceMs() : this.#options.waitMs;
  }

  #fill(ref: EntryRef, start: OwnStart, flight: Flight): FillOutcome {
    return { kind: "lead", fill: new LedFill(ref, start, flight, this.#host) };
  }

  #settle(ref: EntryRef, flight: Flight, result: FlightResult): void {
    if (this.#flights.get(ref.entryKey) === flight) this.#flights.delete(ref.entryKey);
    flight.settle(result);
  }
}
