// One command of an operator: opened, recorded before it begins, carried out, recorded again, and closed.
// Tests: test/faults/admin.test.ts
import { hostname, userInfo } from "node:os";
import type { Pool } from "pg";
import type { Logger } from "pino";
import { type Config, ConfigError, parseConfig } from "../config.js";
import { noDatabase, withEmbeddedPostgres } from "../db/embedded-postgres-running.js";
import { createPool } from "../db/pool.js";
import { AdminError, EXIT, type Outcome } from "./outcome.js";
import type { Reach } from "./reach.js";

export interface Admin {
  readonly config: Config;
  readonly pool: Pool;
  /** Opened when it is first needed. */
  reach(): Promise<Reach>;
}

/** What is written down about a command, without secrets. */
export interface CommandRecord {
  /** "tenant suspend" */
  readonly command: string;
  /** Default: the user and machine that this process runs as. */
  readonly actor?: string | undefined;
  readonly reason?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

/**
 * @param folder of the PostgreSQL of a running `npm start`, for where DATABASE_URL is not set
 * @throws ConfigError where the environment is not usable; AdminError where there is no database
 */
export async function openAdmin(folder: string): Promise<Admin & { close(): Promise<void> }> {
  const env = await withEmbeddedPostgres(process.env, folder);
  if (!env.DATABASE_URL && !env.DATABASE_URL_FILE) throw new AdminError(noDatabase(folder));
  const config = parseConfig(env);
  const pool = createPool({ databaseUrl: config.DATABASE_URL, max: 3, onError: () => undefined });
  let reach: Promise<Reach> | undefined;
  return {
    config,
    pool,
    reach: () => {
      // Most commands of an operator need the database alone.
      reach ??= import("./reach.js").then(({ openReach }) => openReach(config, pool));
      return reach;
    },
    close: async () => {
      // One that could not be opened has told why.
      await (await reach?.catch(() => undefined))?.close();
      await pool.end();
    },
  };
}

/**
 * Carries a command out between two lines of its record: a row of `admin_log`, which says "begun" until it
 * has ended, and a line of the log on standard error.
 */
export async function recorded(
  { pool }: Admin,
  logger: Logger,
  record: CommandRecord,
  work: () => Promise<Outcome>,
): Promise<Outcome> {
  const { command, actor = `${userInfo().username}@${hostname()}`, reason, details } = record;
  const { rows } = await pool.query<{ id: string }>(
    "INSERT INTO admin_log (actor, command, tenant_id, details, reason) VALUES ($1, $2, $3, $4, $5) RETURNING id",
    [actor, command, record.tenantId, JSON.stringify(details), reason],
  );
  const ended = async (result: string, tenantId: string | undefined, noted = {}) => {
    const all = { ...details, ...noted };
    logger.info({ actor, command, tenantId, ...all, reason, result }, "admin");
    await pool.query("UPDATE admin_log SET result = $2, tenant_id = $3, details = $4 WHERE id = $1", [
      rows[0]?.id,
      result,
      tenantId,
      JSON.stringify(all),
    ]);
  };
  try {
    const outcome = await work();
    await ended(resultOf(outcome), outcome.tenantId ?? record.tenantId, outcome.noted);
    return outcome;
  } catch (error) {
    await ended(`failed: ${messageOf(error)}`, record.tenantId).catch(() => undefined);
    throw error;
  }
}

function resultOf({ changed, incomplete = [] }: Outcome): string {
  if (incomplete.length > 0) return `incomplete: ${incomplete.join("; ")}`;
  return changed ? "done" : "nothing to change";
}

// Undefined table and column: a schema from before this version, or none.
const OLD_SCHEMA = new Set(["42P01", "42703"]);

/** What to tell of an error, in one line. */
export function messageOf(error: unknown): string {
  if (error instanceof ConfigError) {
    return ["the environment is not usable (see .env.example):", ...error.problems].join("\n  ");
  }
  if (!(error instanceof Error)) return String(error);
  const code = String(Reflect.get(error, "code"));
  if (OLD_SCHEMA.has(code))
    return "the database's schema is not that of this version: npm run admin -- migrate";
  if (code === "ECONNREFUSED") return "nothing answers at DATABASE_URL";
  return error.message || code;
}

export function exitCodeOf(error: unknown): number {
  const code = error instanceof Error ? (error as Partial<AdminError>).exitCode : undefined;
  return code ?? EXIT.failed;
}
