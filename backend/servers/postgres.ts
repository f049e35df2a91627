// PostgreSQL for tests: a fresh database for each file that asks.
import { randomBytes } from "node:crypto";
import path from "node:path";
import type pg from "pg";
import { dockerAnswers } from "./find-redis.js";
import {
  type GuardedPostgres,
  type GuardedPostgresOptions,
  onServer,
  startGuardedPostgres,
  temporaryFolder,
} from "./guarded-postgres.js";
import { startTcpProxy } from "./tcp-proxy.js";

export interface PostgresServer {
  /** Of a database whose user may create databases and roles. */
  readonly url: string;
  stop(): Promise<void>;
}

export interface TestDatabase {
  readonly url: string;
  /** Waits for sessions that are about to end; ends those that stay for five seconds. */
  drop(): Promise<void>;
}

/**
 * A server of one test, which keeps what was committed: killed and started again at will, at the same
 * address.
 */
export interface DurablePostgres {
  /** Of an empty database, as its owner: no superuser, as in production. */
  readonly url: string;
  /** Of the same database. */
  readonly superuserUrl: string;
  /** Where its files lie. */
  readonly data: string;
  /** SIGKILL: connections are reset, and new ones refused. */
  kill(): Promise<void>;
  /** Ends connections and writes everything down, as before a copy of its files. */
  shutDown(): Promise<void>;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @throws Error where npm has no PostgreSQL for this platform */
export async function startDurablePostgres(): Promise<DurablePostgres> {
  const folder = temporaryFolder();
  const launch = () => startGuardedPostgres(folder, { durable: true });
  let server = await launch();
  const url = new URL(server.url);
  const data = path.join(server.folder, "postgres");
  const proxy = await startTcpProxy(Number(url.port));
  url.port = String(proxy.port);
  const superuserUrl = new URL(url);
  superuserUrl.username = "postgres";
  return {
    url: url.href,
    superuserUrl: superuserUrl.href,
    data,
    kill: async () => {
      proxy.cut();
      process.kill(server.pid, "SIGKILL");
      await server.ended;
    },
    shutDown: async () => {
      proxy.cut();
      await server.stop();
    },
    restart: async () => {
      server = await launch();
      proxy.leadTo(Number(new URL(server.url).port));
      proxy.heal();
    },
    stop: async () => {
      await proxy.close();
      await server.remove();
    },
  };
}

/** PostgreSQL from npm, or, where npm has none for this platform, from Docker. */
export async function startPostgresServer(): Promise<PostgresServer> {
  let server: GuardedPostgres;
  try {
    server = await startGuardedPostgres(temporaryFolder(), { durable: false });
  } catch (error) {
    if (process.env.TEST_POSTGRES_SERVER || !(await dockerAnswers())) throw error;
    const { imageOf } = await import("./compose.js");
    const { PostgreSqlContainer } = await import("@testcontainers/postgresql");
    const container = await new PostgreSqlContainer(imageOf("postgres")).start();
    return { url: container.getConnectionUri(), stop: async () => void (await container.stop()) };
  }
  // Nobody stops a server that a whole process shares: it goes when the process goes.
  server.unref();
  return { url: server.superuserUrl, stop: server.remove };
}

/** A server whose commits wait for this machine's disk. @throws Error where npm has no PostgreSQL for this platform */
export async function startPostgresOnDisk(): Promise<PostgresServer> {
  const server = await startGuardedPostgres(temporaryFolder(true), { durable: true });
  return { url: server.superuserUrl, stop: server.remove };
}

/**
 * A server of the test's own with settings that take effect when it starts. @throws Error where npm has no PostgreSQL for this platform
 */
export async function startPostgresWith(
  settings: Readonly<Record<string, string>>,
  program?: GuardedPostgresOptions["program"],
): Promise<PostgresServer> {
  const folder = temporaryFolder();
  const start = () => startGuardedPostgres(folder, { durable: false, program });
  const first = await start();
  for (const [name, value] of Object.entries(settings))
    await onServer(first.superuserUrl, (client) => client.query(`ALTER SYSTEM SET ${name} = ${value}`));
  await first.stop();
  const server = await start();
  return { url: server.superuserUrl, stop: server.remove };
}

let own: Promise<PostgresServer> | undefined;

/**
 * A database of the test's own, on the server of `TEST_DATABASE_URL` or on one that is started for this
 * process.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  return createDatabase((client, name) => client.query(`CREATE DATABASE ${name}`));
}

/**
 * A database of the test's own that has the CRM's schema: a copy of the run's template, which the first one
 * that asks makes. A copy takes a fifth of the time of the migrations.
 */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  const template = process.env.TEST_TEMPLATE_DATABASE;
  if (template === undefined) {
    const database = await createTestDatabase();
    await migrated(database.url);
    return database;
  }
  return createDatabase(async (client, name, admin) => {
    // Whoever comes while it is made waits. The session's end gives the lock back.
    await client.query("SELECT pg_advisory_lock(hashtext($1))", [template]);
    const { rowCount } = await client.query("SELECT FROM pg_database WHERE datname = $1", [template]);
    if (rowCount === 0) await makeTemplate(client, admin, template);
    await client.query("SELECT pg_advisory_unlock(hashtext($1))", [template]);
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
}

async function createDatabase(
  create: (client: pg.Client, name: string, admin: string) => Promise<unknown>,
): Promise<TestDatabase> {
  const admin = await adminUrl();
  const name = `test_${randomBytes(8).toString("hex")}`;
  await onServer(admin, (client) => create(client, name, admin));
  return testDatabase(admin, name);
}

/** Loaded by who makes the template: all others copy it. */
async function migrated(databaseUrl: string): Promise<void> {
  const { migrate } = await import("../db/migrate.js");
  await migrate(databaseUrl, () => undefined);
}

/** What was broken off has another name than what is whole. */
async function makeTemplate(client: pg.Client, admin: string, template: string): Promise<void> {
  const unfinished = `${template}_unfinished`;
  await client.query(`DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
  await client.query(`CREATE DATABASE ${unfinished}`);
  await migrated(testDatabase(admin, unfinished).url);
  await client.query(`ALTER DATABASE ${unfinished} RENAME TO ${template}`);
}

/** Behind a run, on a server that stays. */
export async function dropTemplateDatabase(): Promise<void> {
  const template = process.env.TEST_TEMPLATE_DATABASE;
  if (template === undefined) return;
  await onServer(await adminUrl(), (client) =>
    client.query(`DROP DATABASE IF EXISTS ${template} WITH (FORCE)`),
  );
}

function testDatabase(admin: string, name: string): TestDatabase {
  const url = new URL(admin);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => onServer(admin, (client) => dropDatabase(client, name)) };
}

/** SQLSTATE: others are connected. */
const OBJECT_IN_USE = "55006";

/**
 * `pool.end()` of node-postgres resolves before its connections have been closed. A session that is ended by
 * FORCE meanwhile says so to a pool that may have no listener for it. PostgreSQL itself waits for five
 * seconds before it refuses.
 */
async function dropDatabase(client: pg.Client, name: string): Promise<void> {
  try {
    await client.query(`DROP DATABASE ${name}`);
  } catch (error) {
    if ((error as { readonly code?: unknown }).code !== OBJECT_IN_USE) throw error;
    await client.query(`DROP DATABASE ${name} WITH (FORCE)`);
  }
}

const adminUrl = async () => process.env.TEST_DATABASE_URL ?? (await ownServer());

async function ownServer(): Promise<string> {
  own ??= startPostgresServer();
  return (await own).url;
}
