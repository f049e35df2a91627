// A backend of the script's own, from nothing to nothing: PostgreSQL in a temporary folder, demo data, a free port.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { redisVariables } from "../../backend/config/redis-servers.js";
import { startEmbeddedPostgres } from "../../backend/db/embedded-postgres.js";
import { migrate } from "../../backend/db/migrate.js";
import { DEMO_TENANTS, seedDemoData } from "../../backend/seed/index.js";
import { issueToken } from "../../backend/services/tokens.js";
import { startBackendProcess } from "../backend-process.js";
import type { Target } from "./run-probes.js";

export interface OwnServer {
  readonly target: Target;
  /** Resolves when all of it has ended and nothing is left. */
  stop(): Promise<void>;
}

// About 2,000 accounts for the largest tenant: enough that a list costs what it costs.
const DEMO_SCALE = 0.1;

/**
 * Uses the Redis of `REDIS_CACHE_URL` where that is set, and the in-process store elsewhere.
 * @param log one line a step
 */
export async function startOwnServer(log: (line: string) => void): Promise<OwnServer> {
  const stops: (() => Promise<void>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    log("starting PostgreSQL");
    const databaseUrl = await startDatabase(stops);
    log("loading demo data");
    await migrate(databaseUrl, () => undefined);
    await seedDemoData(databaseUrl, { scale: DEMO_SCALE });
    log("starting the backend");
    const secret = randomBytes(32).toString("base64url");
    const backend = await startBackendProcess({ env: environment(databaseUrl, secret), log: "stderr" });
    stops.push(() => backend.stop());
    const [tenant, neighbour] = DEMO_TENANTS;
    const target: Target = {
      baseUrl: `http://127.0.0.1:${backend.port}`,
      token: await tokenFor(tenant?.id, secret),
      other: { token: await tokenFor(neighbour?.id, secret) },
    };
    return { target, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startDatabase(stops: (() => Promise<void>)[]): Promise<string> {
  // Not below a temporary folder of this user: as root PostgreSQL runs as somebody else.
  const parent = process.platform === "win32" ? process.cwd() : "/var/tmp";
  const folders = [mkdtempSync(path.join(parent, "test-cache-"))] as [string, ...string[]];
  stops.push(async () => {
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
  const server = await startEmbeddedPostgres({ folder: folders[0], durable: false, log: () => undefined });
  folders.push(server.folder);
  stops.push(() => server.stop());
  return server.url;
}

/** An empty value stands for "not set", and keeps one in `.env` from taking effect. */
function environment(databaseUrl: string, secret: string): NodeJS.ProcessEnv {
  return {
    ...process.env,
    NODE_ENV: "development",
    DATABASE_URL: databaseUrl,
    MIGRATE_ON_START: "false",
    HOST: "127.0.0.1",
    PORT: "0",
    LOG_LEVEL: "warn",
    RATE_LIMIT_MAX: "0",
    CACHE_WARM_ON_START: "false",
    DATABASE_URL_FILE: "",
    ...notSet(redisVariables("REDIS")),
    JWT_SECRET: secret,
    JWT_SECRET_FILE: "",
    JWT_JWKS_URL: "",
    JWT_ISSUER: "",
    JWT_AUDIENCE: "",
  };
}

/** A variable and the file that may stand for it. */
const notSet = (names: readonly string[]) =>
  Object.fromEntries(names.flatMap((name) => [name, `${name}_FILE`]).map((name) => [name, ""]));

async function tokenFor(tenantId: string | undefined, secret: string): Promise<string> {
  if (tenantId === undefined) throw new Error("the demo data has fewer than two tenants");
  return await issueToken({ secret, subject: "test-cache", tenantId, role: "admin" });
}
