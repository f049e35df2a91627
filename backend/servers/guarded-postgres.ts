// A PostgreSQL that ends with the tests that started it, and one statement on a connection of its own.
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../db/embedded-postgres.js";
import { namedPostgres } from "./find-postgres.js";
import { guardChild } from "./guard.js";
import { memoryFolder } from "./memory-folder.js";

// Not a temporary folder of this user: as root PostgreSQL runs as somebody else.
const ON_DISK = process.platform === "win32" ? process.cwd() : "/var/tmp";
export const TEMPORARY = memoryFolder() ?? ON_DISK;

export interface GuardedPostgres extends EmbeddedPostgres {
  /** Stops it, and removes its folders. */
  remove(): Promise<void>;
}

export interface GuardedPostgresOptions {
  /** Keeps what was committed when it is killed. */
  readonly durable: boolean;
  /** A `postgres`; default that of `TEST_POSTGRES_SERVER`, else npm's. */
  readonly program?: string | undefined;
}

export const temporaryFolder = (isOnDisk = false): string =>
  mkdtempSync(path.join(isOnDisk ? ON_DISK : TEMPORARY, "test-postgres-"));

/** @throws Error where npm has no PostgreSQL for this platform; the folder is gone then */
export async function startGuardedPostgres(
  folder: string,
  { durable, program }: GuardedPostgresOptions,
): Promise<GuardedPostgres> {
  const removeFolders = (folders: readonly string[]) => {
    for (const each of folders) rmSync(each, { recursive: true, force: true });
  };
  try {
    const server = await startEmbeddedPostgres({
      folder,
      durable,
      log: () => undefined,
      program: program ?? (await namedPostgres()),
    });
    const folders = [server.folder, folder];
    // SIGQUIT is PostgreSQL's immediate shutdown: unlike SIGKILL it frees the shared memory.
    void server.ended.then(guardChild(server.pid, "SIGQUIT", folders));
    const remove = async () => {
      await server.stop();
      removeFolders(folders);
    };
    return { ...server, remove };
  } catch (error) {
    removeFolders([folder]);
    throw error;
  }
}

/** What `act` does on a connection of its own. */
export async function onServer<T>(url: string, act: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await act(client);
  } finally {
    await client.end();
  }
}
