// Whether another CRM is worth asking: after some failures in a row it is left alone for a while, which grows.
// Tests: test/unit/source-circuit.test.ts

const FAILURES_TO_OPEN = 5;
const FIRST_PAUSE_MS = 1000;
const MAX_PAUSE_MS = 60_000;

export class SourceCircuit {
  readonly #nowMs: () => number;
  #failures = 0;
  #pauseMs = FIRST_PAUSE_MS;
  #openUntilMs: number | undefined;
  #isProbing = false;
  #reason = "";

  /** @param nowMs a clock that does not jump; for tests */
  constructor(nowMs = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  get isOpen(): boolean {
    return this.#openUntilMs !== undefined;
  }

  /** Why it was left alone. */
  get reason(): string {
    return this.#reason;
  }

  /** Whether to ask now. Once the pause is over, one may, until it is known what became of it. */
  mayTry(): boolean {
    if (this.#openUntilMs === undefined) return true;
    if (this.#isProbing || this.#nowMs() < this.#openUntilMs) return false;
    this.#isProbing = true;
    return true;
  }

  worked(): void {
    this.#failures = 0;
    this.#pauseMs = FIRST_PAUSE_MS;
    this.#openUntilMs = undefined;
    this.#isProbing = false;
  }

  /** Nobody has waited for the answer. */
  unknown(): void {
    this.#isProbing = false;
  }

  failed(reason: string): void {
    this.#reason = reason;
    this.#failures += 1;
    if (this.#openUntilMs !== undefined) this.#pauseMs = Math.min(2 * this.#pauseMs, MAX_PAUSE_MS);
    if (this.#failures >= FAILURES_TO_OPEN) this.#openUntilMs = this.#nowMs() + this.#pauseMs;
    this.#isProbing = false;
  }
}
