// The feed's SQL as users run it: in their own migrations, or by `install`.
// Tests: test/integration/feed-install.test.ts, test/integration/feed-verify.test.ts

import { BackOff } from "../back-off.js";
import { delay, monotonicNow } from "../timers.js";
import { downStatements, upStatements } from "./capture-schema.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { missingStatements } from "./feed-problems.js";

/** For a migration of your own. Both can be run again. */
export interface FeedSql {
  readonly up: string;
  readonly down: string;
}

export function feedSql(options: ParsedFeedOptions): FeedSql {
  return { up: script(upStatements(options)), down: script(downStatements(options)) };
}

/** What is missing, as one script; `""` where nothing is. Rejects as the database does. */
export async function feedDiff(options: ParsedFeedOptions): Promise<string> {
  const statements = await missingStatements(options.database, options);
  return statements.length === 0 ? "" : script(statements);
}

/**
 * How long it waits for a table in one go. PostgreSQL looks for deadlocks after a second: until then this has given way, so that no
 * write of the app is ended for it. Writes that come meanwhile wait behind it: no longer than this for each table.
 */
const LOCK_WAIT_MS = 500;
/** Between two attempts; whoever has waited behind the first goes on. */
const PAUSE_MS = 200;
const INSTALL_WITHIN_MS = 60_000;
/** `lock_not_available`, and `deadlock_detected` where that is looked for earlier. */
const GIVES_WAY = new Set<unknown>(["55P03", "40P01"]);

/**
 * One text without parameters is one transaction, also through transaction pooling. Processes that start together wait for each other:
 * the lock ends with the transaction.
 *
 * @param withinMs after how long a table that somebody is writing to is waited for no more: it then rejects as the database does
 */
export async function installFeed(
  options: ParsedFeedOptions,
  withinMs: number = INSTALL_WITHIN_MS,
): Promise<boolean> {
  const lock = `SELECT pg_advisory_xact_lock(hashtext('${options.schema} express-tenant-cache'))`;
  const giveUpAtMs = monotonicNow() + withinMs;
  const pauses = new BackOff(PAUSE_MS, PAUSE_MS);
  for (let isFirst = true; ; isFirst = false) {
    const statements = await missingStatements(options.database, options);
    if (statements.length === 0) return !isFirst;
    try {
      await options.database.query(script([lock, `SET LOCAL lock_timeout = ${LOCK_WAIT_MS}`, ...statements]));
      return true;
    } catch (error) {
      const { code } = Object(error) as { readonly code?: unknown };
      if (!GIVES_WAY.has(code) || monotonicNow() > giveUpAtMs) throw error;
    }
    await delay(pauses.nextSpread());
  }
}

const script = (statements: readonly string[]): string => statements.map((each) => `${each};\n`).join("");
