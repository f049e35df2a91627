// One load under way, and those in this process that wait for it.
// Tests: test/unit/fills.test.ts, test/integration/followers.test.ts

import { delay, monotonicNow } from "../timers.js";
import { type FillOutcome, run } from "./fill.js";
import type { HandlerDurations } from "./handler-durations.js";

/** What those that wait are told: an entry, an error, or `undefined` where each must run its own handler. */
export type Landing = Extract<FillOutcome, { kind: "follow" | "failed" }> | undefined;

export class Flight {
  /** Keys of different requests may collide: nobody follows another request's flight. */
  readonly identity: string;
  fences: string;
  waiting = 0;
  readonly answer: Promise<Landing>;
  readonly land: (landing: Landing) => void;
  #beganAtMs = monotonicNow();
  #overdueAtMs: number;
  #isCounted = false;

  /** @param patienceMs how long it is worth waiting for, from now */
  constructor(identity: string, fences: string, patienceMs: number) {
    this.identity = identity;
    this.fences = fences;
    this.#overdueAtMs = this.#beganAtMs + patienceMs;
    let land: Flight["land"] = () => undefined;
    this.answer = new Promise<Landing>((resolve) => {
      land = resolve;
    });
    this.land = land;
  }

  /** When its handler has begun, on the clock of {@link monotonicNow}. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }

  /** Nobody waits beyond this, on the same clock: its handler may never answer, or most likely not in time. */
  get overdueAtMs(): number {
    return this.#overdueAtMs;
  }

  /** Its handler begins, which was another process's before. */
  begin(patienceMs: number): void {
    this.#beganAtMs = monotonicNow();
    this.#overdueAtMs = this.#beganAtMs + patienceMs;
  }

  /** Counts how long it has taken, once. */
  count(durations: HandlerDurations | undefined): void {
    if (this.#isCounted) return;
    this.#isCounted = true;
    durations?.add(monotonicNow() - this.#beganAtMs);
  }
}

/** Waits for the flight to land, unless `maxWaiting` do so already. */
export async function follow(flight: Flight, maxWaiting: number): Promise<FillOutcome> {
  if (flight.waiting >= maxWaiting) return run("wait-exceeded");
  flight.waiting++;
  const timeout = new AbortController();
  const waited = delay(flight.overdueAtMs - monotonicNow(), "wait-exceeded" as const, {
    signal: timeout.signal,
    ref: false,
  });
  try {
    const landing = await Promise.race([flight.answer, waited]);
    if (landing === "wait-exceeded") return run("wait-exceeded");
    return landing ?? run("unstorable");
  } finally {
    flight.waiting--;
    timeout.abort();
    waited.catch(() => undefined);
  }
}
