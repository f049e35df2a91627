// A real PostgreSQL from npm: its cluster is made once, kept in a folder, and runs as a child of this process.
import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import pg from "pg";
import { findInstallation, type Installation } from "./embedded-postgres-installation.js";
import { endLeftover } from "./embedded-postgres-leftover.js";
import { findFreePort } from "./free-port.js";

export interface EmbeddedPostgresOptions {
  /**
   * Where the cluster is kept; made if missing. As root it may have to be elsewhere: see
   * {@link EmbeddedPostgres.folder}.
   */
  readonly folder: string;
  /** False trades crash safety for speed: for tests. */
  readonly durable: boolean;
  readonly log: (line: string) => void;
  /** Another `postgres` than npm's, of 14 or newer. */
  readonly program?: string | undefined;
}

export interface EmbeddedPostgres {
  /** Of the database `crm`, as its owner: like an application's user in production, it is no superuser. */
  readonly url: string;
  /** Of the database `postgres`, as the cluster's superuser. */
  readonly superuserUrl: string;
  readonly pid: number;
  readonly folder: string;
  /** Resolves when the server has ended, whoever ended it. */
  readonly ended: Promise<void>;
  /** Ends connections and shuts down; resolves when the server has ended. */
  stop(): Promise<void>;
  /** Lets this process end of itself although the server still runs; it ends with it. */
  unref(): void;
}

const run = promisify(execFile);
const DATABASE = "crm";
const STARTS_WITHIN_MS = 60_000;
const STOPS_WITHIN_MS = 10_000;
const START_ATTEMPTS = 5;
const RETRY_AFTER_MS = 500;
const BUILTIN_LOCALES_SINCE = 17;
// What goes away by itself: another process took the port first, or workers of a killed server hold its
// memory yet.
const PASSING_FAILURE = /Address already in use|could not create any TCP\/IP sockets|shared memory block/;
// Not the caller's PG* and LC_* variables, which would reach into a server that is not theirs.
const ENVIRONMENT = { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" };

/**
 * Starts the server on a free loopback port. It is detached from the terminal, so that Ctrl-C does not take
 * the database from a backend that is still draining; it ends with this process all the same. Whoever calls
 * this makes sure that nobody else does so for the same folder: a server that runs there is taken for a
 * leftover and ended.
 *
 * @throws an Error of one line where this platform has no binaries, where the folder holds another major
 *   version's data, or with the server's last words where it does not start
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const installation = await findInstallation(options.folder, options.log, options.program);
  const { folder } = installation;
  const data = path.join(folder, "postgres");
  const password = readPassword(installation, path.join(folder, "postgres.password"));
  await makeCluster(installation, data, path.join(folder, "postgres.password"), options);
  await endLeftover(data, options.log);
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await launch(installation, data, password, options.durable);
    } catch (error) {
      if (attempt === START_ATTEMPTS || !PASSING_FAILURE.test(String(error))) throw error;
      await delay(RETRY_AFTER_MS);
    }
  }
}

async function launch(
  { postgres, runAs, folder }: Installation,
  data: string,
  password: string,
  durable: boolean,
): Promise<EmbeddedPostgres> {
  const port = await findFreePort();
  const logFile = path.join(folder, "postgres.log");
  const log = openSync(logFile, "w", 0o600);
  const server = spawn(postgres, ["-D", data, ...serverFlags(port, durable)], {
    ...runAs,
    cwd: folder,
    env: ENVIRONMENT,
    detached: true,
    stdio: ["ignore", log, log],
  } satisfies SpawnOptions);
  closeSync(log);
  const killOnExit = () => server.kill("SIGINT");
  process.once("exit", killOnExit);
  const ended = once(server, "exit").then(() => void process.off("exit", killOnExit));

  const at = `@127.0.0.1:${port}/`;
  const superuserUrl = `postgres://postgres:${password}${at}postgres`;
  await untilReady(server, superuserUrl, logFile);
  await createDatabase(superuserUrl, password);
  const url = `postgres://${DATABASE}:${password}${at}${DATABASE}`;
  // A server that answered has a process id.
  const pid = server.pid ?? 0;
  return {
    url,
    superuserUrl,
    pid,
    folder,
    ended,
    stop: () => stop(server, ended),
    unref: () => server.unref(),
  };
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

/**
 * Made beside its place and moved there when it is whole, so that an interrupted start leaves nothing half
 * made.
 */
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
  const isBuiltin = Number(major) >= BUILTIN_LOCALES_SINCE;
  const locale = [
    ...["--encoding=UTF8", "--locale=C"],
    ...(isBuiltin ? ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] : []),
  ];
  const access = ["--username=postgres", "--auth=scram-sha-256", `--pwfile=${passwordFile}`];
  const speed = durable ? [] : ["--no-sync"];
  await run(initdb, [`--pgdata=${unfinished}`, ...access, ...locale, ...speed, "--no-instructions"], {
    ...runAs,
    cwd: folder,
    env: ENVIRONMENT,
  });
  renameSync(unfinished, data);
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
        server.kill("SIGKILL");
        throw new Error(`PostgreSQL did not start: ${lastWords(logFile)} (see ${logFile})`, { cause: error });
      }
      await delay(50);
    }
  }
}

function lastWords(logFile: string): string {
  const lines = readFileSync(logFile, "utf8").trim().split("\n");
  return lines.findLast((line) => /FATAL|PANIC|ERROR/.test(line)) ?? lines.at(-1) ?? "";
}

/** The database and its owner, who may make the role that requests run as, and is no superuser. */
async function createDatabase(superuserUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl });
  await client.connect();
  try {
    const role = await client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [DATABASE]);
    if (role.rowCount === 0) {
      await client.query(`CREATE ROLE ${DATABASE} LOGIN CREATEROLE PASSWORD ${pg.escapeLiteral(password)}`);
    }
    const database = await client.query("SELECT 1 FROM pg_database WHERE datname = $1", [DATABASE]);
    if (database.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE} OWNER ${DATABASE}`);
  } finally {
    await client.end();
  }
}

async function stop(server: ChildProcess, ended: Promise<void>): Promise<void> {
  server.ref();
  // SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
  server.kill("SIGINT");
  const timer = setTimeout(() => server.kill("SIGQUIT"), STOPS_WITHIN_MS);
  await ended;
  clearTimeout(timer);
}
