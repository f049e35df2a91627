// A database that is away, or takes no changes: noticed where requests fail and where transactions succeed, told once.
// Tests: test/http/problems.test.ts, test/unit/outage.test.ts
import type { Pool } from "pg";
import type { Logger } from "pino";
import { Outage } from "../outage.js";
import type { DatabaseTrouble } from "./database-errors.js";

const outages = new WeakMap<Pool, DatabaseOutage>();

export class DatabaseOutage {
  readonly #away: Outage;
  readonly #noWrites: Outage;

  constructor(logger: Logger) {
    this.#away = new Outage({
      began: (reason) =>
        logger.error(`database: does not answer (${reason}): requests that need it are answered 503`),
      ended: (seconds, failures) =>
        logger.info(`database: answers again; ${failures} requests, within ${seconds} s, were answered 503`),
    });
    this.#noWrites = new Outage({
      began: (reason) =>
        logger.error(
          `database: takes no changes (${reason}): they are answered 503, and reading goes on. Make room, or let it write again; ` +
            "this process need not be restarted",
        ),
      ended: (seconds, failures) =>
        logger.info(`database: takes changes again; ${failures}, within ${seconds} s, were answered 503`),
    });
  }

  /** Why changes are refused; `null` where they are not. */
  get writesRefused(): string | null {
    return this.#noWrites.reason;
  }

  /** Of a request that was answered 503 for it. */
  failed(trouble: DatabaseTrouble, { message }: Error): void {
    (trouble === "away" ? this.#away : this.#noWrites).failed(message);
  }

  committed({ isWrite }: { readonly isWrite: boolean }): void {
    this.#away.worked();
    if (isWrite) this.#noWrites.worked();
  }
}

/** One for each pool, with the logger of whoever asked first. */
export function watchDatabase(pool: Pool, logger: Logger): DatabaseOutage {
  const known = outages.get(pool) ?? new DatabaseOutage(logger);
  outages.set(pool, known);
  return known;
}

/** `undefined` where nobody watches. */
export const outageOf = (pool: Pool): DatabaseOutage | undefined => outages.get(pool);
