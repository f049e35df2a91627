// The feed's SQL as users run it: in their own migrations, or by `install`.
// Tests: test/integration/feed-capture.test.ts, test/integration/feed-verify.test.ts

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
 * One text without parameters is one transaction, also through transaction pooling. Processes that start together wait for each other:
 * the lock ends with the transaction.
 */
export async function installFeed(options: ParsedFeedOptions): Promise<boolean> {
  const statements = await missingStatements(options.database, options);
  if (statements.length === 0) return false;
  const lock = `SELECT pg_advisory_xact_lock(hashtext('${options.schema} express-tenant-cache'))`;
  await options.database.query(script([lock, ...statements]));
  return true;
}

const script = (statements: readonly string[]): string => statements.map((each) => `${each};\n`).join("");
