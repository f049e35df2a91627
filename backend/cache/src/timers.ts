// Timers and the clock of deadlines, as they are when this module is loaded: fake timers of an app's tests hang no request.
import { performance } from "node:perf_hooks";
import process from "node:process";
import * as timers from "node:timers";
import * as promises from "node:timers/promises";

/*
 * Jest, Vitest and Sinon replace `setTimeout`, `setImmediate`, `performance` and their like while a request is
 * under way: a hit would wait for a turn that never ends, and a budget would be spent by a clock that is turned
 * forward. Everything here is therefore taken once.
 * `Date` is not: entries age by the wall clock, and a test that turns it forward means them to.
 */

export interface Timer {
  unref(): Timer;
}

interface WaitOptions {
  readonly signal?: AbortSignal;
  readonly ref?: boolean;
}

/**
 * `@sinonjs/fake-timers`, which is in Jest and Vitest too, marks what it puts in place of Node's. Where it
 * came first, `node:timers` has nothing else to offer, but for its `scheduler`.
 */
const isFake = (method: object): boolean => "clock" in method;

const { setTimeout: globalSetTimeout } = globalThis;

/** Of a fake `setTimeout`: keeps no process alive, as none of this library's timers should. */
class LateTimer implements Timer {
  readonly #stop = new AbortController();

  constructor(work: () => void, delayMs: number) {
    const options = { signal: this.#stop.signal, ref: false };
    promises.scheduler.wait(delayMs, options).then(work, () => undefined);
  }

  unref(): this {
    return this;
  }

  stop(): void {
    this.#stop.abort();
  }
}

export const setTimeout: (work: () => void, delayMs: number) => Timer = isFake(timers.setTimeout)
  ? (work, delayMs) => new LateTimer(work, delayMs)
  : timers.setTimeout;

const { clearTimeout: clear } = timers;

export function clearTimeout(timer: Timer | undefined): void {
  if (timer instanceof LateTimer) timer.stop();
  else clear(timer as NodeJS.Timeout | undefined);
}

/** As `setTimeout` of `node:timers/promises`. */
export const delay: <T = void>(delayMs: number, value?: T, options?: WaitOptions) => Promise<T> = isFake(
  timers.setTimeout,
)
  ? async (delayMs, value, options) => {
      await promises.scheduler.wait(delayMs, options);
      return value as never;
    }
  : promises.setTimeout;

/** Resolves when the sockets that are readable in this turn of the event loop have been read. */
export const nextTurn: () => Promise<void> = isFake(timers.setImmediate)
  ? () => promises.scheduler.yield()
  : promises.setImmediate;

export const setImmediate: (work: () => void) => void = isFake(timers.setImmediate)
  ? (work) => void promises.scheduler.yield().then(work)
  : timers.setImmediate;

/** Once all that can go on now has gone on: what it writes to a socket leaves together. */
export const nextTick: (work: () => void) => void = isFake(process.nextTick)
  ? (work) => void promises.scheduler.yield().then(work)
  : process.nextTick.bind(process);

/**
 * Milliseconds on a clock that nobody sets: `performance.now()`, of the prototype, which fake timers leave
 * alone. Bun's has none there that could be called.
 */
const { now = performance.now }: { readonly now?: () => number } = Object.getPrototypeOf(performance) ?? {};
export const monotonicNow: () => number = now.bind(performance);

const { eventLoopUtilization } = performance as Partial<typeof performance>;

/**
 * For how long this process's event loop has had nothing to do but wait, milliseconds since it began. Where the
 * runtime does not tell, it is taken to have waited all the time.
 */
export const idleMs: () => number =
  typeof eventLoopUtilization === "function"
    ? () => Reflect.apply(eventLoopUtilization, performance, []).idle
    : monotonicNow;

/**
 * The same by the global clock: for how old things are, which tests may turn forward, and never for how long
 * anybody waits.
 */
export const agingNow = (): number => globalThis.performance.now();

/** For TTLs of `lru-cache`, which otherwise keeps the time until a global timer has it look again. */
export const TTL_CLOCK = { perf: { now: monotonicNow }, ttlResolution: 0 } as const;

/** Whether others' timers, those of ioredis among them, no longer run by themselves. */
export function areTimersFaked(): boolean {
  return globalThis.setTimeout !== globalSetTimeout || isFake(globalSetTimeout);
}
