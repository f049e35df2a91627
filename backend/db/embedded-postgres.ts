// A real PostgreSQL from npm: its cluster is made once, kept in a folder, and runs as a child of this process.
import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { findInstallation, type Installation } from "./embedded-postgres-installation.js";

export interface EmbeddedPostgresOptions {
  /** Where the cluster is kept; made if missing. As root it may have to be elsewhere: see {@link EmbeddedPostgres.folder}. */
  readonly folder: string;
  /** False trades crash safety for speed: for tests. */
  readonly durable: boolean;
  readonly log: (line: string) => void;
}

export interface EmbeddedPostgres {
  /** Of the database `crm`, as the cluster's superuser. */
  readonly url: string;
  readonly folder: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Ends connections and shuts down; resolves when the server has ended. */
  stop(): Promise<void>;
}

const run = promisify(execFile);
const DATABASE = "crm";
const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 10_000;

/**
 * Starts the server on a free loopback port. It is detached from the terminal, so that Ctrl-C does not take the database from a
 * backend that is still draining; it ends with this process all the same.
 *
 * @throws an Error of one line where this platform has no binaries, or where the folder holds another major version's data
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const installation = await findInstallation(options.folder, options.log);
  const { folder } = installation;
  const data = path.join(folder, "postgres");
  const password = readPassword(installation, path.join(folder, "postgres.password"));
  await makeCluster(installation, data, path.join(folder, "postgres.password"), options);
  await endEarlierServer(installation, data, options.log);

  const port = await freePort();
  const log = openSync(path.join(folder, "postgres.log"), "a");
  const server = spawn(installation.postgres, ["-D", data, ...serverFlags(port, options.durable)], {
    ...installation.runAs,
    cwd: folder,
    detached: true,
    stdio: ["ignore", log, log],
  } satisfies SpawnOptions);
  // Whoever waits for it waits for `ended` or for something else: the server alone keeps nobody's process alive.
  server.unref();
  const killOnExit = () => server.kill("SIGINT");
  process.once("exit", killOnExit);
  const ended = once(server, "exit").then(() => void process.off("exit", killOnExit));

  const url = `postgres://postgres:${password}@127.0.0.1:${port}/`;
  await untilReady(server, `${url}postgres`, path.join(folder, "postgres.log"));
  await createDatabase(`${url}postgres`);
  return { url: url + DATABASE, folder, ended, stop: () => stop(server, ended) };
}

function serverFlags(port: number, durable: boolean): string[] {
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    ...(!durable && { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

function readPassword({ runAs }: Installation, file: string): string {
  if (!existsSync(file)) {
    writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600 });
    if (runAs.uid !== undefined) chownSync(file, runAs.uid, runAs.gid ?? -1);
  }
  return readFileSync(file, "utf8");
}

/** Made beside its place and moved there when it is whole, so that an interrupted start leaves nothing half made. */
async function makeCluster(
  { initdb, postgres, runAs, folder }: Installation,
  data: string,
  passwordFile: string,
  { log, durable }: EmbeddedPostgresOptions,
): Promise<void> {
  const { stdout } = await run(postgres, ["--version"], runAs);
  const major = /(\d+)/.exec(stdout)?.[1];
  if (existsSync(path.join(data, "PG_VERSION"))) {
    const found = readFileSync(path.join(data, "PG_VERSION"), "utf8").trim();
    if (found === major) return;
    throw new Error(
      `${data} holds data of PostgreSQL ${found}, this is PostgreSQL ${major}: move that folder away to start anew`,
    );
  }
  log("preparing PostgreSQL (once)");
  const unfinished = `${data}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (runAs.uid !== undefined) chownSync(unfinished, runAs.uid, runAs.gid ?? -1);
  const locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"];
  const access = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const speed = durable ? [] : ["--no-sync"];
  await run(initdb, [`--pgdata=${unfinished}`, ...access, ...locale, ...speed, "--no-instructions"], {
    ...runAs,
    cwd: folder,
  });
  renameSync(unfinished, data);
}

/** A server whose supervisor was killed still holds the data: it is ended first. */
async function endEarlierServer(
  { pgCtl, runAs, folder }: Installation,
  data: string,
  log: (line: string) => void,
) {
  if (!existsSync(path.join(data, "postmaster.pid"))) return;
  const as = { ...runAs, cwd: folder };
  const isRunning = await run(pgCtl, ["status", "-D", data], as).then(
    () => true,
    () => false,
  );
  if (!isRunning) return;
  log("ending the PostgreSQL of an earlier start");
  await run(pgCtl, ["stop", "-D", data, "-m", "fast", "-w"], as);
}

async function untilReady(server: ChildProcess, url: string, logFile: string): Promise<void> {
  const giveUpAtMs = performance.now() + STARTS_WITHIN_MS;
  for (;;) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2000 });
    client.on("error", () => undefined);
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      const hasEnded = server.exitCode !== null || server.signalCode !== null;
      if (hasEnded || performance.now() > giveUpAtMs) {
        throw new Error(`PostgreSQL did not start; its log is ${logFile}`, { cause: error });
      }
      await delay(50);
    }
  }
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rowCount } = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
  if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  await client.end();
}

async function stop(server: ChildProcess, ended: Promise<void>): Promise<void> {
  server.ref();
  // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
  server.kill("SIGINT");
  const timer = setTimeout(() => server.kill("SIGQUIT"), STOPS_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address ? address.port : 0;
}
