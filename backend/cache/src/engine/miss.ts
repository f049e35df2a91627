// What a lookup gives to a request that it does not answer: a miss or a stale entry, which opens its fill.
// Tests: test/unit/fills.test.ts, test/integration/waiting.test.ts
import type { Entry } from "../codec/entry.js";
import type { Waiter } from "./bounded-wait.js";
import type { Missed } from "./entry-memory.js";
import type { EntryRef } from "./entry-ref.js";
import type { FillOutcome } from "./fill.js";
import type { SharedStart } from "./fill-starts.js";

/** What the lookup knows, and the fill goes on from. */
export interface MissedRead {
  /** The fences that were read, joined; `undefined` where one was missing, or nothing was read. */
  readonly seen: string | undefined;
  /** Until when the request may wait for the store, on the clock of `monotonicNow`. */
  readonly expiresAtMs: number;
  /** Present where the read has begun the fill in the same step, and may hold its lease. */
  readonly begun?: SharedStart | undefined;
  /** The value that was there and could not be served. */
  readonly held?: Entry | undefined;
  /** Whose request it is, from when its fill is opened; absent where nobody can go. */
  waiter?: Waiter | undefined;
}

/** Who opens fills. */
export interface FillOpener {
  open(ref: EntryRef, read: MissedRead, notBeforeMs?: number): Promise<FillOutcome>;
  drop(begun: SharedStart): void;
}

abstract class Fillable {
  readonly #fills: FillOpener;
  readonly #ref: EntryRef;
  readonly #read: MissedRead;

  constructor(fills: FillOpener, ref: EntryRef, read: MissedRead) {
    this.#fills = fills;
    this.#ref = ref;
    this.#read = read;
  }

  /** Why it is none, as far as the read knows. */
  get found(): Missed {
    return this.#read;
  }

  /**
   * Tells the request what to do: lead a fill, follow another's, or run its handler alone. Never rejects.
   *
   * @param notBeforeMs where the request asks for an answer that was made after this, milliseconds since the
   *   epoch
   * @param waiter who may go before there is an answer: where it follows another, it is told at once and counts no longer
   */
  open(notBeforeMs?: number, waiter?: Waiter): Promise<FillOutcome> {
    this.#read.waiter = waiter;
    return this.#fills.open(this.#ref, this.#read, notBeforeMs);
  }

  /**
   * Releases a lease that came with the read: called instead of {@link open}, by a request that does not fill
   * after all.
   */
  drop(): void {
    if (this.#read.begun) this.#fills.drop(this.#read.begun);
  }
}

/**
 * There is no entry, or a fence has cut it off. Either `open` or `drop` is called: its read may have taken
 * the lease.
 */
export class Miss extends Fillable {
  readonly kind = "miss";
}

/**
 * The entry is older than its TTL, but no fence has cut it off. Its read has taken no lease, so that it may
 * be left as it is.
 */
export class Stale extends Fillable {
  readonly kind = "stale";
  readonly entry: Entry;

  constructor(fills: FillOpener, ref: EntryRef, read: MissedRead, entry: Entry) {
    super(fills, ref, { ...read, held: entry });
    this.entry = entry;
  }
}
