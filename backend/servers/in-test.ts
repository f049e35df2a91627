// What a test of Jest has no word for: work for its end, a clock that is set, and a line beside its result.
import { afterEach, jest } from "@jest/globals";

const pending: (() => unknown)[] = [];

afterEach(async () => {
  for (const work of pending.splice(0).reverse()) await work();
});

/** Runs `work` when the test that is under way has ended, whether it passed or not; the newest first. */
export function afterTest(work: () => unknown): void {
  pending.push(work);
}

/** Closes them when the test that is under way has ended, the last one first. */
export function closeAfterTest(...opened: readonly { close(): unknown }[]): void {
  for (const each of opened) afterTest(() => each.close());
}

const TIMERS = [
  "hrtime",
  "nextTick",
  "performance",
  "queueMicrotask",
  "setImmediate",
  "clearImmediate",
  "setInterval",
  "clearInterval",
  "setTimeout",
  "clearTimeout",
] as const;

/** Until the test has ended, dates are read from a clock that stands still; timers run. */
export function setClock(nowMs: number): void {
  holdTime([], nowMs);
}

/**
 * Until the test has ended, dates stand still, and so do the timers and clocks that are named. So nothing depends on how long things take.
 * @returns moves them on, milliseconds
 */
export function holdTime(
  held: readonly (typeof TIMERS)[number][],
  nowMs = Date.now(),
): (passedMs: number) => void {
  jest.useFakeTimers({ doNotFake: TIMERS.filter((timer) => !held.includes(timer)), now: nowMs });
  afterTest(() => jest.useRealTimers());
  return (passedMs) => jest.advanceTimersByTime(passedMs);
}

/** Says what a test has measured. */
export function tell(text: string): void {
  process.stdout.write(`${text}\n`);
}
