// The fill of a request that leads: what its handler answers goes to those that wait for it, and to the
// store.
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter, WriteStart } from "./entry-writer.js";
import { entryOf, type Fill, type Recording } from "./fill.js";
import type { Flight, FlightResult } from "./flight.js";

/** What a fill starts from, once it is one request's own. */
export interface OwnStart extends WriteStart {
  /** The tokens with the run id, as entries carry them. */
  readonly fences: string;
}

/** Who keeps the flights, and remembers which entries nobody waits for. */
export interface FillHost {
  /** The flight is over; those that wait for it get the result. */
  settle(ref: EntryRef, flight: Flight, result: FlightResult): void;
  /** From now on nobody waits for this entry, for `skipMs`. */
  skip(ref: EntryRef): void;
  /** The entry could be stored: it is worth waiting for again. */
  unskip(ref: EntryRef): void;
}

export interface LedFillOptions {
  readonly isUnlikely: boolean;
  readonly skipMs: number;
}

export class LedFill implements Fill {
  readonly isUnlikely: boolean;
  readonly #ref: EntryRef;
  readonly #start: OwnStart;
  readonly #flight: Flight;
  readonly #host: FillHost;
  readonly #writer: EntryWriter;
  readonly #skipMs: number;

  constructor(
    ref: EntryRef,
    start: OwnStart,
    flight: Flight,
    host: FillHost,
    writer: EntryWriter,
    options: LedFillOptions,
  ) {
    this.isUnlikely = options.isUnlikely;
    this.#ref = ref;
    this.#start = start;
    this.#flight = flight;
    this.#host = host;
    this.#writer = writer;
    this.#skipMs = options.skipMs;
  }

  unshare(): void {
    this.#host.settle(this.#ref, this.#flight, undefined);
    this.#host.skip(this.#ref);
    this.#writer.releaseLease(this.#start.lease, this.#skipMs);
  }

  commit(recording: Recording): void {
    const entry = this.#answer(recording);
    this.#writer.writeBehind(this.#ref, this.#start, entry, (outcome) => {
      if (outcome === "too-large" || outcome === "refused") this.#host.skip(this.#ref);
      else this.#host.unskip(this.#ref);
    });
  }

  share(recording: Recording): void {
    this.#answer(recording);
    this.#writer.releaseLease(this.#start.lease);
  }

  fail(error: unknown): void {
    this.#host.settle(this.#ref, this.#flight, { kind: "failed", error });
    this.#writer.releaseLease(this.#start.lease);
  }

  abandon(why: "unstorable" | "failed"): void {
    const isUnstorable = why === "unstorable";
    this.#host.settle(this.#ref, this.#flight, undefined);
    if (isUnstorable) this.#host.skip(this.#ref);
    this.#writer.releaseLease(this.#start.lease, isUnstorable ? this.#skipMs : 0);
  }

  /** Hands what the handler has answered to those that wait for it. */
  #answer(recording: Recording) {
    this.#flight.count(this.#ref.durations);
    const entry = entryOf(recording, this.#ref.identity, this.#start.fences);
    this.#host.settle(this.#ref, this.#flight, { kind: "follow", entry });
    return entry;
  }
}
