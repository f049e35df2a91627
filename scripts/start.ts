// `npm start`: PostgreSQL, migrations, demo data and the API, from nothing; Ctrl-C stops all of it.
import { existsSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { checkpointsIn } from "../backend/config/audit-keys.js";
import { ConfigError, parseConfig } from "../backend/config.js";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../backend/db/embedded-postgres.js";
import { migrate } from "../backend/db/migrate.js";
import { projectFile } from "../backend/project-root.js";
import { type BackendProcess, startBackendProcess } from "./backend-process.js";
import { makeBanner } from "./start/banner.js";
import { lockFolder } from "./start/data-lock.js";
import { loadDemoData } from "./start/demo-data.js";
import { checkListenAddress, localUrl } from "./start/listen-address.js";
import { subjectKeysIn } from "./start/made-keys.js";

/** Stands for the PostgreSQL that is started here. */
const EMBEDDED = "postgres://embedded";
const USAGE = "usage: npm start -- [--data <folder of the embedded PostgreSQL, default .data>]";
let postgres: EmbeddedPostgres | undefined;
let backend: BackendProcess | undefined;
let stopping = false;

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => void stop(0));

try {
  await start();
} catch (error) {
  // What is stopped while it starts fails in many ways, none of which is news.
  if (!stopping) console.error(error instanceof Error ? error.message : String(error));
  await stop(1);
}

async function start(): Promise<void> {
  const dataFolder = readArguments();
  if (existsSync(projectFile(".env"))) process.loadEnvFile(projectFile(".env"));
  // The development secret is public: only this machine is served unless HOST says otherwise.
  const settings: NodeJS.ProcessEnv = { ...process.env, HOST: process.env.HOST || "127.0.0.1" };
  const config = readConfig(settings);
  await checkListenAddress({ host: config.HOST, port: config.PORT });

  const databaseUrl =
    config.DATABASE_URL === EMBEDDED ? await startDatabase(dataFolder) : config.DATABASE_URL;
  await migrate(databaseUrl, (line) => console.log(line));
  const isDemo = config.NODE_ENV !== "production";
  if (isDemo) await loadDemoData(databaseUrl);
  if (stopping) return;

  backend = await startBackendProcess({
    env: {
      ...settings,
      ...(config.DATABASE_URL === EMBEDDED && {
        ...subjectKeysIn(dataFolder, settings),
        ...checkpointsIn(dataFolder, settings),
      }),
      DATABASE_URL: databaseUrl,
      DATABASE_URL_FILE: "",
      MIGRATE_ON_START: "false",
    },
  });
  void backend.ended.then((how) => stopAfterCrash(`the backend has ended unexpectedly (${how})`));
  const url = localUrl({ host: config.HOST, port: backend.port });
  console.log(
    isDemo ? await makeBanner(url, config) : `The API is at ${url}, the console at ${url}/ops/cache/`,
  );
}

function readArguments(): string {
  try {
    const { values } = parseArgs({ options: { data: { type: "string", default: projectFile(".data") } } });
    return path.resolve(values.data);
  } catch (error) {
    throw new Error(`${error instanceof Error ? error.message : error}\n${USAGE}`, { cause: error });
  }
}

/** All that is wrong with the environment is told before anything is started. */
function readConfig(settings: NodeJS.ProcessEnv) {
  try {
    const isGiven = Boolean(settings.DATABASE_URL || settings.DATABASE_URL_FILE);
    return parseConfig(isGiven ? settings : { ...settings, DATABASE_URL: EMBEDDED });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const heading = "the environment is not usable (see .env.example):";
    throw new Error([heading, ...error.problems].join("\n  "), { cause: error });
  }
}

async function startDatabase(folder: string): Promise<string> {
  await lockFolder(folder);
  const server = await startEmbeddedPostgres({ folder, durable: true, log: (line) => console.log(line) });
  postgres = server;
  void server.ended.then(() =>
    stopAfterCrash(`PostgreSQL has ended unexpectedly (see ${server.folder}/postgres.log)`),
  );
  return server.url;
}

function stopAfterCrash(problem: string): void {
  if (stopping) return;
  console.error(`${problem}: stopping`);
  void stop(1);
}

/** The API drains before its database goes. The first call decides the exit code. */
async function stop(exitCode: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  await backend?.stop();
  await postgres?.stop();
  process.exit(exitCode);
}
