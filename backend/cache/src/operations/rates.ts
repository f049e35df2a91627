// How often somebody may do something: so many times in any minute.
// Tests: test/unit/console-parts.test.ts, test/integration/operations-purge.test.ts
import { BoundedMap } from "../bounded-map.js";
import { monotonicNow } from "../timers.js";

const WINDOW_MS = 60_000;
const MAX_PERSONS = 1000;

export class Rates {
  readonly #most: number;
  readonly #times = new BoundedMap<readonly number[]>({
    maxCharacters: 8 * 1024 * 1024,
    maxEntries: MAX_PERSONS,
  });

  /** @param most times a minute */
  constructor(most: number) {
    this.#most = most;
  }

  /** Counts one more; where it is one too many, how long to wait, seconds, and it is not counted. */
  take(who: string): number | undefined {
    const nowMs = monotonicNow();
    const recent = (this.#times.get(who) ?? []).filter((atMs) => nowMs - atMs < WINDOW_MS);
    const [oldest = nowMs] = recent;
    if (recent.length >= this.#most) return Math.ceil((oldest + WINDOW_MS - nowMs) / 1000);
    this.#times.set(who, [...recent, nowMs]);
    return undefined;
  }
}
