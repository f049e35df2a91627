// A PostgreSQL with a streaming replica, whose replay is held up and promoted at will.
import { execFileSync } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type GuardedPostgres, onServer, startGuardedPostgres, temporaryFolder } from "./guarded-postgres.js";
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
  const primary = await startGuardedPostgres(temporaryFolder(), { durable: false });
  const folder = temporaryFolder();
  const { uid, gid } = statSync(primary.folder);
  chownSync(folder, uid, gid);
  await copyRunning(primary, folder);
  const replica = await startGuardedPostgres(folder, { durable: false });
  const ask = (server: GuardedPostgres, sql: string) =>
    onServer(server.superuserUrl, async (client) => (await client.query(sql)).rows[0]?.answer as string);
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
      for (const server of [replica, primary]) await server.remove();
    },
  };
}

/** By PostgreSQL's own way to copy a server that runs: the package has no pg_basebackup. */
async function copyRunning(primary: GuardedPostgres, folder: string): Promise<void> {
  const data = path.join(folder, "postgres");
  await onServer(primary.superuserUrl, async (client) => {
    const { rows: versions } = await client.query("SHOW server_version_num");
    // 15 calls them by other names, and no longer has the exclusive way that the third argument turns off.
    const isOld = Number(versions[0].server_version_num) < 150_000;
    await client.query(
      isOld ? "SELECT pg_start_backup('replica', true, false)" : "SELECT pg_backup_start('replica', true)",
    );
    execFileSync("cp", ["-a", path.join(primary.folder, "postgres"), data]);
    const { rows } = await client.query(
      `SELECT labelfile FROM ${isOld ? "pg_stop_backup(false)" : "pg_backup_stop(false)"}`,
    );
    write(path.join(data, "backup_label"), rows[0].labelfile, data);
  });
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
