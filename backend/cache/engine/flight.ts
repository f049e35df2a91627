// One load under way, and those in this process that wait for it.

import { delay, monotonicNow } from "../timers.js";
import { type FillOutcome, run } from "./fill.js";

/** What those that wait are told: an entry, an error, or `undefined` where each must run its own handler. */
export type Landing = Extract<FillOutcome, { kind: "follow" | "failed" }> | undefined;

export interface Flight {
  /** Keys of different requests may collide: nobody follows another request's flight. */
  readonly identity: string;
  fences: string;
  /** Nobody waits beyond this, on the clock of {@link monotonicNow}: its handler may never answer. */
  overdueAtMs: number;
  waiting: number;
  readonly answer: Promise<Landing>;
  readonly land: (landing: Landing) => void;
}

export function newFlight(identity: string, fences: string, waitMs: number): Flight {
  let land: Flight["land"] = () => undefined;
  const answer = new Promise<Landing>((resolve) => {
    land = resolve;
  });
  return { identity, fences, overdueAtMs: monotonicNow() + waitMs, waiting: 0, answer, land };
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
