// PgBouncer in transaction mode in front of a PostgreSQL, where the machine has it or Debian's package can be had.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { findFreePort } from "../db/free-port.js";
import { installOnDebian, onPath } from "./debian-package.js";
import { guardChild } from "./guard.js";
import { TEMPORARY } from "./guarded-postgres.js";
import { until } from "./until.js";

export interface PgBouncer {
  /** Leads to the same database, each transaction by any connection. */
  readonly url: string;
  stop(): Promise<void>;
}

/** `undefined` where there is none for this machine. */
export async function startPgBouncer(databaseUrl: string): Promise<PgBouncer | undefined> {
  const program = onPath("pgbouncer") ?? installOnDebian("pgbouncer", "pgbouncer");
  if (program === undefined) return undefined;
  const folder = mkdtempSync(path.join(TEMPORARY, "test-pgbouncer-"));
  chmodSync(folder, 0o755);
  const port = await findFreePort();
  const server = new URL(databaseUrl);
  const { hostname, username, password } = server;
  const file = path.join(folder, "pgbouncer.ini");
  writeFileSync(
    file,
    `[databases]
* = host=${hostname} port=${server.port || 5432} user=${username} password=${decodeURIComponent(password)}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
`,
  );
  // As root it refuses to run.
  const asUser = process.getuid?.() === 0 ? ["-u", "nobody"] : [];
  const child = spawn(program, ["-q", ...asUser, file], { stdio: "ignore" });
  const ended = once(child, "exit");
  const release = guardChild(child.pid ?? 0, "SIGTERM", [folder]);
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${port}`;
  await until("PgBouncer answers", async () => {
    if (child.exitCode !== null) throw new Error("PgBouncer has ended");
    const client = new pg.Client({ connectionString: url.href });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.query("SELECT 1");
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    rmSync(folder, { recursive: true, force: true });
    release();
  };
  return { url: url.href, stop };
}
