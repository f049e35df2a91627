// A wait for another's work: it ends with that, when it takes too long, or when whoever waits has gone.
// Tests: test/unit/fills.test.ts, test/unit/shared-runs.test.ts
import { later } from "../later.js";
import { clearTimeout, monotonicNow } from "../timers.js";

/** Whoever waits, where it may go before the wait is over. */
export interface Waiter {
  readonly isGone: () => boolean;
  /**
   * Calls `leave` when it goes; asked only while it is there.
   * @returns takes that back
   */
  readonly onGone: (leave: () => void) => () => void;
}

/**
 * Resolves with what the work brings, or says why it is no longer waited for. Rejects as the work does.
 *
 * @param giveUpAtMs on the clock of {@link monotonicNow}
 */
export function waitFor<T>(
  work: Promise<T>,
  giveUpAtMs: number,
  waiter: Waiter | undefined,
): Promise<T | "late" | "gone"> {
  if (waiter?.isGone()) return Promise.resolve("gone");
  return new Promise((resolve, reject) => {
    const end = (tell: () => void) => {
      clearTimeout(timer);
      stay?.();
      tell();
    };
    const timer = later(Math.max(0, giveUpAtMs - monotonicNow()), () => end(() => resolve("late")));
    const stay = waiter?.onGone(() => end(() => resolve("gone")));
    work.then(
      (result) => end(() => resolve(result)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}
