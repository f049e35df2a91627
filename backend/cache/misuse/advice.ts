// Advice on mistakes that no call can refuse, because only what happens shows them: each is told once.
import type { Logger } from "../logger.js";

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
    if (this.hasTold(about)) return;
    this.#told.add(about);
    this.#logger.warn(`express-tenant-cache: ${advice}`);
  }
}
