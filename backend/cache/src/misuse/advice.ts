// Advice on mistakes that no call can refuse, because only what happens shows them: each is told once.
// Tests: test/integration/misuse.test.ts
import type { Logger } from "../logger.js";

/** What is told is remembered: handlers may write what they were sent into `Vary`. */
const MAX_TOLD = 1000;
const MAX_ADVICE_LENGTH = 1000;

export class Advice {
  readonly #logger: Logger;
  readonly #told = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  hasTold(about: string): boolean {
    return this.#told.has(about);
  }

  /** @param about what it is told of once, where the advice itself may differ */
  tell(advice: string, about = advice): void {
    if (this.hasTold(about) || this.#told.size >= MAX_TOLD || advice.length > MAX_ADVICE_LENGTH) return;
    this.#told.add(about);
    this.#logger.warn(`express-tenant-cache: ${advice}`);
  }
}
