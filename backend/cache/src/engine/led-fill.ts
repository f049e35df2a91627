// The fill of a request that leads: its handler's answer goes to those that wait for it, and to the store.
// Tests: test/unit/fills.test.ts
import type { Advisor } from "../advice/advisor.js";
import type { Entry } from "../codec/entry.js";
import { monotonicNow } from "../timers.js";
import { answerOf } from "./answer-of.js";
import { restrictedTo } from "./carried-fences.js";
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter, WriteOutcome, WriteStart } from "./entry-writer.js";
import { entryOf, type Fill, type KnownOfAnswer, type Recording, runAlone } from "./fill.js";
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
  readonly tokens: readonly string[];
  readonly #ref: EntryRef;
  readonly #start: OwnStart;
  readonly #flight: Flight;
  readonly #host: FillHost;

  constructor(ref: EntryRef, start: OwnStart, flight: Flight, host: FillHost) {
    this.isUnlikely = host.skipped.has(ref);
    this.tokens = start.tokens;
    this.#ref = ref;
    this.#start = start;
    this.#flight = flight;
    this.#host = host;
  }

  unshare(): void {
    this.#settle(undefined);
    this.#giveUp();
  }

  commit(recording: Recording, { tags, reads }: KnownOfAnswer = {}, caller?: string): void {
    const { writer, skipped, advisor } = this.#host;
    const durationMs = this.#flight.count(this.#ref.durations);
    const restricted = reads && restrictedTo(this.#ref, this.#start, reads);
    if (advisor) {
      const answer = answerOf(advisor, this.#ref, recording, durationMs);
      advisor.answered(this.#ref, { ...answer, tags, caller, fenceKeys: restricted?.fenceKeys });
    }
    const start = restricted ?? this.#start;
    const entry = this.#answer(recording, start.fences);
    const whenWritten = (outcome: WriteOutcome) => {
      if (outcome === "too-large" || outcome === "refused") skipped.add(this.#ref);
      else skipped.delete(this.#ref);
    };
    if (tags) writer.writeTagged(this.#ref, start, entry, tags, whenWritten);
    else writer.writeBehind(this.#ref, start, entry, whenWritten);
  }

  share(recording: Recording): void {
    const durationMs = this.#flight.count(this.#ref.durations);
    this.#host.advisor?.unstored(this.#ref, "unstorable", durationMs);
    this.#answer(recording);
    this.#host.writer.releaseLease(this.#start.lease);
  }

  fail(error: unknown): void {
    this.#settle({ kind: "failed", error });
    this.#host.advisor?.unstored(this.#ref, "failed");
    this.#host.writer.releaseLease(this.#start.lease);
  }

  abandon(why: "unstorable" | "failed" | "replica-lag"): void {
    this.#settle(why === "replica-lag" ? runAlone(why) : undefined);
    // Where a replica lags its handler is still to run.
    if (why !== "replica-lag")
      this.#host.advisor?.unstored(this.#ref, why, monotonicNow() - this.#flight.beganAtMs);
    if (why === "unstorable") this.#giveUp();
    else this.#host.writer.releaseLease(this.#start.lease);
  }

  /** Hands what the handler has answered to those that wait for it. */
  #answer(recording: Recording, fences = this.#start.fences): Entry {
    const entry = entryOf(recording, this.#ref.identity, fences);
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
