// What the process runs on, in the log when it has begun to listen: one line each, without secrets.
// Tests: test/faults/redis-topologies.test.ts, test/faults/server-process.test.ts

import type { TenantCache } from "express-tenant-cache";
import type { Logger } from "pino";
import { describeServers } from "./config/redis-servers.js";
import type { Config } from "./config.js";
import { metricsAccess } from "./services/operations/metrics-access.js";

const METRICS_LINES = {
  token: "/metrics, for the bearer of METRICS_TOKEN",
  "this-machine": "/metrics, for this machine alone (METRICS_TOKEN is not set)",
  nobody: "none (METRICS_TOKEN is not set)",
} as const;
const MEBIBYTE = 1024 * 1024;

/** One line for the database, the cache, sealed entries, the state, logging in, the audit trail, metrics and warming. */
export function startLines(config: Config, cache: Pick<TenantCache, "health">): string[] {
  return [
    `database: ${databaseOf(config.DATABASE_URL)}, at most ${config.DATABASE_POOL_MAX} connections`,
    cacheLine(config, cache.health()),
    ...sealingLines(config),
    config.redis
      ? `state: Redis, ${describeServers(config.redis)}`
      : "state: none (REDIS_URL is not set): nobody can log in, no token can be revoked, and each process counts requests for itself",
    ...(config.JWT_JWKS_URL === undefined ? [] : [`tokens: of ${new URL(config.JWT_JWKS_URL).host}`]),
    ...auditLines(config),
    `metrics: ${METRICS_LINES[metricsAccess(config.METRICS_TOKEN, config.NODE_ENV === "production").kind]}`,
    config.CACHE_WARM_ON_START
      ? `warm-up: behind the start${config.redis ? ", and by one process after each midnight" : ""}`
      : "warm-up: none (CACHE_WARM_ON_START=false)",
  ];
}

export function tellStart(config: Config, cache: Pick<TenantCache, "health">, logger: Logger): void {
  for (const line of startLines(config, cache)) logger.info(line);
}

function cacheLine(
  { redisCache, CACHE_MEMORY_BYTES }: Config,
  { circuit, reason }: ReturnType<TenantCache["health"]>,
): string {
  if (!redisCache) {
    const size = Math.round((CACHE_MEMORY_BYTES / MEBIBYTE) * 10) / 10;
    return `cache: this process's memory, at most ${size} MiB, for one process alone: where there are several, set REDIS_CACHE_URL`;
  }
  const why = reason === null ? "" : ` (${reason})`;
  return `cache: Redis, ${describeServers(redisCache)}; circuit ${circuit}${why}`;
}

function sealingLines({ encryption }: Config): string[] {
  if (!encryption) return [];
  const [current, ...others] = encryption.keys.map(({ id }) => `"${id}"`);
  const also = others.length > 0 ? `; ${others.join(", ")} open what was sealed before` : "";
  return [`cache: entries are sealed with the key ${current}${also}`];
}

function auditLines({ audit, subjectKeys }: Config): string[] {
  if (!subjectKeys) return [];
  const places = [audit.checkpointFolder, audit.objectFolder].filter((place) => place !== undefined);
  const witnesses = audit.witnesses.map(({ url }) => new URL(url).host);
  const where =
    places.length > 0
      ? `published in ${places.join(" and ")}`
      : "in the database alone, which proves nothing to whoever owns that: set AUDIT_CHECKPOINT_DIR";
  const cosigned = witnesses.length > 0 ? `, cosigned by ${witnesses.join(", ")}` : "";
  return [`audit: checkpoints every ${audit.checkpointSeconds} s, ${where}${cosigned}`];
}

/** Host, port and name, as far as the URL says them: it may name a socket, or leave all to PGHOST and its like. */
function databaseOf(url: string): string {
  const { host, pathname } = URL.canParse(url) ? new URL(url) : { host: "", pathname: "" };
  return `${host || "PostgreSQL"}${pathname}`;
}
