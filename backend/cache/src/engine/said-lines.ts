// The newest warnings and errors that the cache has logged, for operators who look at the app and not at its log.
// Tests: test/unit/said-lines.test.ts
import type { Logger } from "../logger.js";

const MAX_LINES = 30;
const MAX_CHARACTERS = 600;

export interface SaidLine {
  readonly at: Date;
  readonly level: "warn" | "error";
  readonly text: string;
}

/** Passes each line on to the app's logger. A line is a change of state, so there are few. */
export class SaidLines implements Logger {
  readonly #logger: Logger;
  readonly #lines: SaidLine[] = [];

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** The newest first. */
  get lines(): readonly SaidLine[] {
    return this.#lines;
  }

  info(message: string): void {
    this.#logger.info(message);
  }

  warn(message: string): void {
    this.#keep("warn", message);
    this.#logger.warn(message);
  }

  error(message: string): void {
    this.#keep("error", message);
    this.#logger.error(message);
  }

  #keep(level: SaidLine["level"], message: string): void {
    const text = String(message)
      .replace(/^express-tenant-cache: /, "")
      .slice(0, MAX_CHARACTERS);
    this.#lines.unshift({ at: new Date(), level, text });
    this.#lines.length = Math.min(this.#lines.length, MAX_LINES);
  }
}
