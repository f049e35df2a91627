// Whether the process is alive, and whether it should get requests.
import type { Request } from "express";
import type { TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { HealthDetails } from "../config/health-details.js";
import { includesRole } from "../http/identity/auth.js";

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
    readonly database: { readonly status: "ok" | "unavailable"; readonly latencyMs: number | null };
    readonly cache: ReturnType<TenantCache["health"]> & { readonly status: "ok" | "away" };
  };
}

export interface HealthSources {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "health">;
  readonly lifecycle: Lifecycle;
  /** Of anonymous callers. Default: figures. */
  readonly details?: HealthDetails | undefined;
}

const DATABASE_TIMEOUT_MS = 1000;

/**
 * Ready unless the database does not answer within a second, or the process is draining. A cache that is away makes
 * requests slower, not wrong: "degraded", which is still ready.
 */
export async function checkHealth({ pool, cache, lifecycle }: HealthSources): Promise<HealthReport> {
  const latencyMs = await databaseLatencyMs(pool);
  const cacheHealth = cache.health();
  const unavailable = latencyMs === null || lifecycle.draining;
  const degraded = !cacheHealth.connected;
  return {
    status: unavailable ? "unavailable" : degraded ? "degraded" : "ok",
    checks: {
      process: {
        status: lifecycle.draining ? "draining" : "ok",
        uptimeSeconds: Math.round(process.uptime()),
      },
      database: { status: latencyMs === null ? "unavailable" : "ok", latencyMs },
      cache: { status: cacheHealth.connected ? "ok" : "away", ...cacheHealth },
    },
  };
}

async function databaseLatencyMs(pool: Pool): Promise<number | null> {
  const startedAtMs = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, DATABASE_TIMEOUT_MS, false);
  });
  const answer = pool.query("SELECT 1").then(
    () => true,
    () => false,
  );
  const answered = await Promise.race([answer, timeout]);
  clearTimeout(timer);
  return answered ? Math.round((performance.now() - startedAtMs) * 100) / 100 : null;
}
