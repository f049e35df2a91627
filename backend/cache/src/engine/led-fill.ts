// The fill of a request that leads: its handler's answer goes to those that wait for it, and to the store.
// Tests: test/unit/fills.test.ts
import type { Advisor } from "../advice/advisor.js";
import type { Entry } from "../codec/entry.js";
import { answerOf } from "./answer-of.js";
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter, WriteOutcome, WriteStart } from "./entry-writer.js";
import { entryOf, type Fill, type Recording } from "./fill.js";
import type { Flight, FlightResult } from "./flight.js";
import type { SkippedEntries } from "./skipped-entries.js";

/** What a fill starts from, once it is one request's own. */
export interface OwnStart extends WriteStart {
  /** The tokens with the run id, as entries carry them. */
  readonly fences: string;
}

/** What all fills of the process share. */
export interface FillHost {
  readonly writer: EntryWriter;
  readonly skipped: SkippedEntries;
  /** How long other processes are told not to wait for an entry that cannot be stored, milliseconds. */
  readonly skipMs: number;
  readonly advisor: Advisor | undefined;
  /** The flight is over; those that wait for it get the result. */
  settle(ref: EntryRef, flight: Flight, result: FlightResult): void;
}

export class LedFill implements Fill {
  readonly isUnlikely: boolean;
  readonly #ref: EntryRef;
  readonly #start: OwnStart;
  readonly #flight: Flight;
  readonly #host: FillHost;

  constructor(ref: EntryRef, start: OwnStart, flight: Flight, host: FillHost) {
    this.isUnlikely = host.skipped.has(ref);
    this.#ref = ref;
    this.#start = start;
    this.#flight = flight;
    this.#host = host;
  }

  unshare(): void {
    this.#settle(undefined);
    this.#giveUp();
  }

  commit(recording: Recording, tags?: readonly string[]): void {
    const { writer, skipped } = this.#host;
    const entry = this.#answer(recording, tags);
    const whenWritten = (outcome: WriteOutcome) => {
      if (outcome === "too-large" || outcome === "refused") skipped.add(this.#ref);
      else skipped.delete(this.#ref);
    };
    if (tags) writer.writeTagged(this.#ref, this.#start, entry, tags, whenWritten);
    else writer.writeBehind(this.#ref, this.#start, entry, whenWritten);
  }

  share(recording: Recording): void {
    this.#answer(recording);
    this.#host.writer.releaseLease(this.#start.lease);
  }

  fail(error: unknown): void {
    this.#settle({ kind: "failed", error });
    this.#host.writer.releaseLease(this.#start.lease);
  }

  abandon(why: "unstorable" | "failed"): void {
    this.#settle(undefined);
    this.#host.advisor?.refused(this.#ref, why);
    if (why === "unstorable") this.#giveUp();
    else this.#host.writer.releaseLease(this.#start.lease);
  }

  /** Hands what the handler has answered to those that wait for it. */
  #answer(recording: Recording, tags?: readonly string[]): Entry {
    const durationMs = this.#flight.count(this.#ref.durations);
    const { advisor } = this.#host;
    advisor?.answered(this.#ref, answerOf(advisor, this.#ref, recording, durationMs, tags));
    const entry = entryOf(recording, this.#ref.identity, this.#start.fences);
    this.#settle({ kind: "follow", entry });
    return entry;
  }

  #settle(result: FlightResult): void {
    this.#host.settle(this.#ref, this.#flight, result);
  }

  /** From now on nobody waits for this entry, here and in other processes, for a while. */
  #giveUp(): void {
    const { writer, skipped, skipMs } = this.#host;
    skipped.add(this.#ref);
    writer.releaseLease(this.#start.lease, skipMs);
  }
}
