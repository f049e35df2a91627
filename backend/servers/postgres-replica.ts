// A PostgreSQL with a streaming replica, whose replay is held up and promoted at will.
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../db/embedded-postgres.js";
import { guardChild } from "./guard.js";
import { TEMPORARY } from "./postgres.js";
import { until } from "./until.js";

export interface PostgresWithReplica {
  /** As superuser. */
  readonly primaryUrl: string;
  readonly replicaUrl: string;
  /** What the primary writes from now on is received, and not to be seen on the replica. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Resolves when the replica shows all that the primary has by now. */
  untilCaughtUp(): Promise<void>;
  /** The replica is a primary of its own from now on. */
  promote(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error where npm has no PostgreSQL for this platform */
export async function startPostgresWithReplica(): Promise<PostgresWithReplica> {
  const primary = await start(mkdtempSync(path.join(TEMPORARY, "test-postgres-")));
  const folder = mkdtempSync(path.join(TEMPORARY, "test-postgres-"));
  const { uid, gid } = statSync(primary.folder);
  chownSync(folder, uid, gid);
  await copyRunning(primary, folder);
  const replica = await start(folder);
  const ask = async (server: EmbeddedPostgres, sql: string) => {
    const client = new pg.Client({ connectionString: server.superuserUrl });
    await client.connect();
    try {
      return (await client.query(sql)).rows[0]?.answer as string;
    } finally {
      await client.end();
    }
  };
  return {
    primaryUrl: primary.superuserUrl,
    replicaUrl: replica.superuserUrl,
    pause: async () => void (await ask(replica, "SELECT pg_wal_replay_pause()")),
    resume: async () => {
      const sql = "IF pg_is_in_recovery() THEN PERFORM pg_wal_replay_resume(); END IF";
      await ask(replica, `DO $$ BEGIN ${sql}; END $$`);
    },
    untilCaughtUp: async () => {
      // Without `durable` commits do not wait until they are written: one that does takes those before it along.
      const marked =
        "set_config('synchronous_commit', 'local', false), pg_logical_emit_message(true, 'test', '')";
      await ask(primary, `SELECT ${marked}`);
      const written = await ask(primary, "SELECT pg_current_wal_lsn() AS answer");
      await until("the replica has caught up", async () => {
        const sql = `SELECT pg_last_wal_replay_lsn() >= '${written}' AS answer`;
        return Boolean(await ask(replica, sql));
      });
    },
    promote: async () => void (await ask(replica, "SELECT pg_promote()")),
    stop: async () => {
      for (const server of [replica, primary]) {
        await server.stop();
        rmSync(server.folder, { recursive: true, force: true });
      }
    },
  };
}

async function start(folder: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ folder, durable: false, log: () => undefined });
  void server.ended.then(guardChild(server.pid, "SIGQUIT", [server.folder, folder]));
  return server;
}

/** By PostgreSQL's own way to copy a server that runs: the package has no pg_basebackup. */
async function copyRunning(primary: EmbeddedPostgres, folder: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary.superuserUrl });
  await client.connect();
  const data = path.join(folder, "postgres");
  try {
    await client.query("SELECT pg_backup_start('replica', true)");
    execFileSync("cp", ["-a", path.join(primary.folder, "postgres"), data]);
    const { rows } = await client.query("SELECT labelfile FROM pg_backup_stop(false)");
    write(path.join(data, "backup_label"), rows[0].labelfile, data);
  } finally {
    await client.end();
  }
  execFileSync("cp", ["-a", path.join(primary.folder, "postgres.password"), folder]);
  rmSync(path.join(data, "postmaster.pid"), { force: true });
  write(path.join(data, "standby.signal"), "", data);
  const { hostname, port, username, password } = new URL(primary.superuserUrl);
  const conninfo = `host=${hostname} port=${port} user=${username} password=${password}`;
  appendFileSync(path.join(data, "postgresql.auto.conf"), `primary_conninfo = '${conninfo}'\n`);
}

/** As a file of the server's own user. */
function write(file: string, text: string, like: string): void {
  writeFileSync(file, text);
  chmodSync(file, 0o600);
  const { uid, gid } = statSync(like);
  chownSync(file, uid, gid);
}
