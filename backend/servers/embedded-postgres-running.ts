// Finds the PostgreSQL that `npm start` runs for a folder, for scripts beside it.
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { folderElsewhere } from "./embedded-postgres-installation.js";

const CONNECTS_WITHIN_MS = 5000;

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

/** A server that was killed leaves its file behind, and another may have its port by now: the password tells them apart. */
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
