// A lasting failure of something that requests need: one line when it begins, one when it is over, none for each request.

export interface OutageLines {
  began(reason: string): void;
  /** @param seconds from the first failure to the last; @param failures requests that met it */
  ended(seconds: number, failures: number): void;
}

/** What comes and goes has not ended: it has to go well for this long. */
const QUIET_MS = 10_000;

export class Outage {
  readonly #lines: OutageLines;
  readonly #nowMs: () => number;
  #current:
    | { readonly sinceMs: number; readonly reason: string; lastMs: number; failures: number }
    | undefined;

  /** @param nowMs a clock that does not jump; for tests */
  constructor(lines: OutageLines, nowMs = () => performance.now()) {
    this.#lines = lines;
    this.#nowMs = nowMs;
  }

  /** Why it began; `null` while all is well, as far as is known. */
  get reason(): string | null {
    return this.#current?.reason ?? null;
  }

  failed(reason: string): void {
    const nowMs = this.#nowMs();
    if (this.#current === undefined) {
      this.#current = { sinceMs: nowMs, reason, lastMs: nowMs, failures: 1 };
      this.#lines.began(reason);
      return;
    }
    this.#current.lastMs = nowMs;
    this.#current.failures += 1;
  }

  worked(): void {
    const current = this.#current;
    if (current === undefined || this.#nowMs() - current.lastMs < QUIET_MS) return;
    this.#current = undefined;
    this.#lines.ended(Math.round((current.lastMs - current.sinceMs) / 100) / 10, current.failures);
  }
}
