// Whether the process is alive, and whether it should get requests.
// Tests: test/http/problems.test.ts, test/faults/server-process.test.ts
import type { Request } from "express";
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { HealthDetails } from "../config/health-details.js";
import type { DatabaseOutage } from "../db/database-outage.js";
import { includesRole } from "../http/identity/auth.js";
import { connectionProblem, type StateStore } from "../state/state-redis.js";

/** Shared with the server: set once it has begun to stop. */
export interface Lifecycle {
  draining: boolean;
}

/** What this caller is told; it goes after `identify`. */
export function detailsFor({ auth }: Request, ofAnybody: HealthDetails): HealthDetails {
  return auth && includesRole(auth.role, "admin") ? "server" : ofAnybody;
}

export interface HealthReport {
  readonly status: "ok" | "degraded" | "unavailable";
  readonly checks: {
    readonly process: { readonly status: "ok" | "draining"; readonly uptimeSeconds: number };
    readonly database: {
      /** "no-writes": its disk is full, or it is read-only, and it has refused a change since it last took one. */
      readonly status: "ok" | "no-writes" | "unavailable";
      readonly latencyMs: number | null;
      /** Why it takes no changes. */
      readonly reason: string | null;
    };
    /** The persistent Redis; absent where REDIS_URL is not set. */
    readonly state?: { readonly status: "ok" | "away"; readonly reason: string | null };
    readonly cache: ReturnType<TenantCache["health"]> & { readonly status: "ok" | "away" };
  };
}

export interface HealthSources {
  readonly pool: Pool;
  readonly database: Pick<DatabaseOutage, "writesRefused">;
  readonly state?: StateStore | undefined;
  readonly cache: Pick<TenantCache, "health">;
  readonly lifecycle: Lifecycle;
  /** Of anonymous callers. Default: figures. */
  readonly details?: HealthDetails | undefined;
  /** How long the database and the persistent Redis may take to answer, milliseconds; for tests. Default 1000. */
  readonly withinMs?: number | undefined;
}

const WITHIN_MS = 1000;

/**
 * Ready unless the database does not answer in time, or the process is draining. "Degraded" is still ready: a cache that is away
 * makes requests slower, not wrong; a database that takes no changes is still read; and where the persistent Redis is away, every process
 * refuses what it cannot know, so that another one is no better.
 */
export async function checkHealth(sources: HealthSources): Promise<HealthReport> {
  const { pool, database, cache, lifecycle, withinMs = WITHIN_MS } = sources;
  const [latencyMs, state] = await Promise.all([
    databaseLatencyMs(pool, withinMs),
    stateOf(sources.state, withinMs),
  ]);
  const cacheHealth = cache.health();
  const reason = database.writesRefused;
  const databaseStatus = latencyMs === null ? "unavailable" : reason === null ? "ok" : "no-writes";
  const unavailable = latencyMs === null || lifecycle.draining;
  const degraded = !cacheHealth.connected || reason !== null || state?.status === "away";
  return {
    status: unavailable ? "unavailable" : degraded ? "degraded" : "ok",
    checks: {
      process: {
        status: lifecycle.draining ? "draining" : "ok",
        uptimeSeconds: Math.round(process.uptime()),
      },
      database: { status: databaseStatus, latencyMs, reason },
      ...(state && { state }),
      cache: { status: cacheHealth.connected ? "ok" : "away", ...cacheHealth },
    },
  };
}

async function stateOf(
  state: StateStore | undefined,
  withinMs: number,
): Promise<HealthReport["checks"]["state"]> {
  if (state === undefined) return undefined;
  if (await answersInTime(state.redis.ping(), withinMs)) return { status: "ok", reason: null };
  return { status: "away", reason: connectionProblem(state.redis) ?? "no answer in time" };
}

async function databaseLatencyMs(pool: Pool, withinMs: number): Promise<number | null> {
  const startedAtMs = performance.now();
  const answered = await answersInTime(pool.query("SELECT 1"), withinMs);
  return answered ? Math.round((performance.now() - startedAtMs) * 100) / 100 : null;
}

async function answersInTime(question: Promise<unknown>, withinMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, withinMs, false);
  });
  const answer = question.then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([answer, timeout]);
  clearTimeout(timer);
  return answered;
}
