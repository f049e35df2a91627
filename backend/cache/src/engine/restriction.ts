// What a store that is in use cannot do for a while: told once when it begins and once when it is over, and tried again in between.
// Tests: test/faults/refusals.test.ts, test/faults/nameless-server.test.ts
import { BackOff } from "../back-off.js";
import { later } from "../later.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";

export interface RestrictionParts {
  /** Resolves with whether it is over; never rejects. */
  isOver(): Promise<boolean>;
  began(reason: string): void;
  ended(afterSeconds: string): void;
}

const FIRST_CHECK_MS = 50;
const MAX_CHECK_MS = 2000;

export class Restriction {
  readonly #parts: RestrictionParts;
  readonly #checks = new BackOff(FIRST_CHECK_MS, MAX_CHECK_MS);
  #reason: string | undefined;
  #sinceMs = 0;
  #timer: Timer | undefined;

  constructor(parts: RestrictionParts) {
    this.#parts = parts;
  }

  /** `undefined` while there is none. */
  get reason(): string | undefined {
    return this.#reason;
  }

  begin(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    this.#sinceMs = monotonicNow();
    this.#checks.reset();
    this.#parts.began(reason);
    this.#checkLater();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#reason = undefined;
  }

  #checkLater(): void {
    this.#timer = later(this.#checks.next(), () => void this.#check());
  }

  async #check(): Promise<void> {
    const isOver = await this.#parts.isOver();
    if (this.#reason === undefined) return;
    if (!isOver) return this.#checkLater();
    this.#reason = undefined;
    this.#parts.ended(((monotonicNow() - this.#sinceMs) / 1000).toFixed(1));
  }
}
