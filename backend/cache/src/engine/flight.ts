// One load under way, and those in this process that wait for it (the "single flight" of one entry).
// Tests: test/unit/fills.test.ts, test/integration/followers.test.ts
import { monotonicNow } from "../timers.js";
import { type Waiter, waitFor } from "./bounded-wait.js";
import { type FillOutcome, runAlone } from "./fill.js";
import type { HandlerDurations } from "./handler-durations.js";

/** What those that wait are told: an entry, an error, or `undefined` where each must run its own handler. */
export type FlightResult = Exclude<FillOutcome, { kind: "lead" }> | undefined;

/** What the first does of those requests that waited for the same answer of the store. */
export interface Decision {
  /** Present where a handler is still to begin: whoever waited for the same answer may follow it. */
  readonly flight?: Flight;
  readonly outcome: FillOutcome | Promise<FillOutcome>;
}

export class Flight {
  /** Keys of different requests may collide: nobody follows another request's flight. */
  readonly identity: string;
  fences: string;
  waiting = 0;
  readonly answer: Promise<FlightResult>;
  readonly settle: (result: FlightResult) => void;
  #beganAtMs = monotonicNow();
  #overdueAtMs: number;
  #isCounted = false;

  /** @param patienceMs how long it is worth waiting for, from now */
  constructor(identity: string, fences: string, patienceMs: number) {
    this.identity = identity;
    this.fences = fences;
    this.#overdueAtMs = this.#beganAtMs + patienceMs;
    let settle: Flight["settle"] = () => undefined;
    this.answer = new Promise<FlightResult>((resolve) => {
      settle = resolve;
    });
    this.settle = settle;
  }

  /** When its handler has begun, on the clock of {@link monotonicNow}. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }

  /**
   * Nobody waits beyond this, on the same clock: its handler may never answer, or most likely not in time.
   */
  get overdueAtMs(): number {
    return this.#overdueAtMs;
  }

  /** A handler of this process begins, after the flight has waited for another process's. */
  begin(patienceMs: number): void {
    this.#beganAtMs = monotonicNow();
    this.#overdueAtMs = this.#beganAtMs + patienceMs;
  }

  /** Counts how long it has taken, once. @returns it, milliseconds */
  count(durations: HandlerDurations | undefined): number {
    const durationMs = monotonicNow() - this.#beganAtMs;
    if (!this.#isCounted) durations?.add(durationMs);
    this.#isCounted = true;
    return durationMs;
  }
}

/** What a follower is told whose client has gone: it runs nothing, and says nothing of what others may do. */
export const LEFT: FillOutcome = runAlone("wait-exceeded");

/** Waits for what the flight brings, unless `maxWaiting` do so already. Who goes counts no longer. */
export async function follow(flight: Flight, maxWaiting: number, waiter?: Waiter): Promise<FillOutcome> {
  if (flight.waiting >= maxWaiting) return runAlone("wait-exceeded");
  flight.waiting++;
  const result = await waitFor(flight.answer, flight.overdueAtMs, waiter);
  flight.waiting--;
  if (result === "gone") return LEFT;
  if (result === "late") return runAlone("wait-exceeded");
  return result ?? runAlone("unstorable");
}
