// Finds the PostgreSQL that `npm start` runs for a folder, for scripts beside it.
// Tests: test/integration/embedded-postgres.test.ts
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { folderElsewhere } from "./embedded-postgres-installation.js";

const CONNECTS_WITHIN_MS = 5000;

/**
 * The environment of a command beside `npm start`: with the database that runs for the folder, where none is
 * named.
 * @returns what it was given, where a database is named or none runs
 */
export async function withEmbeddedPostgres(
  env: NodeJS.ProcessEnv,
  folder: string,
): Promise<NodeJS.ProcessEnv> {
  if (env.DATABASE_URL || env.DATABASE_URL_FILE) return env;
  const DATABASE_URL = await findEmbeddedPostgres(folder);
  return DATABASE_URL === undefined ? env : { ...env, DATABASE_URL };
}

/** What to say where neither is there. */
export const noDatabase = (folder: string) =>
  `DATABASE_URL is not set, and no \`npm start\` runs a PostgreSQL in ${folder} (another folder: --data)`;

/**
 * The URL of its database, as the server's own user; `undefined` where none runs.
 *
 * @param folder as {@link startEmbeddedPostgres} was given it
 */
export async function findEmbeddedPostgres(folder: string): Promise<string | undefined> {
  for (const place of [folder, folderElsewhere(folder)]) {
    const url = urlFrom(place);
    if (url !== undefined && (await answers(url))) return url;
  }
  return undefined;
}

function urlFrom(folder: string): string | undefined {
  const pidFile = path.join(folder, "postgres", "postmaster.pid");
  const passwordFile = path.join(folder, "postgres.password");
  if (!existsSync(pidFile) || !existsSync(passwordFile)) return undefined;
  // Its fourth line is the port.
  const port = Number(readFileSync(pidFile, "utf8").split("\n")[3]);
  if (!Number.isInteger(port) || port <= 0) return undefined;
  return `postgres://crm:${readFileSync(passwordFile, "utf8")}@127.0.0.1:${port}/crm`;
}

/**
 * A server that was killed leaves its file behind, and another may have its port by now: the password tells
 * them apart.
 */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECTS_WITHIN_MS });
  client.on("error", () => undefined);
  try {
    await client.connect();
    await client.end();
    return true;
  } catch {
    return false;
  }
}
