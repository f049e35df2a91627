// The Express app, and what is served: the app behind the lane. Makes no connection and reads no configuration by itself.
// Tests: test/http/problems.test.ts, test/http/lane.test.ts
import type { RequestListener } from "node:http";
import express, { type Express, Router } from "express";
import { CacheMonitor, type CacheWarmer, type TenantCache, type TtlPreset } from "express-tenant-cache";
import type { Pool } from "pg";
import type { Logger } from "pino";
import type { HealthDetails } from "./config/health-details.js";
import { watchDatabase } from "./db/database-outage.js";
import { noteActivity } from "./db/tenant-activity.js";
import { createEdge } from "./http/edge.js";
import { errorHandler, unknownRoute } from "./http/error-handler.js";
import { identify, requireIdentity, requireOwnPassword } from "./http/identity/authenticate.js";
import type { Authenticator } from "./http/identity/authenticator.js";
import { laneInFront } from "./http/lane.js";
import { mountOpenApi } from "./http/openapi-route.js";
import { onePathSpelling } from "./http/path-spelling.js";
import type { RateLimitOptions } from "./http/rate-limit.js";
import { boundSubjects } from "./http/subject-work.js";
import { mountModules } from "./modules/index.js";
import type { ModuleContext } from "./modules/module-context.js";
import { toAll } from "./modules/record-changes.js";
import { type AuditRoutesOptions, auditRouter } from "./services/audit/routes/audit-routes.js";
import {
  type AuthOptions,
  authRouter,
  authUnavailable,
  createAuthServices,
  endingSessions,
} from "./services/auth/index.js";
import type { Lifecycle } from "./services/health.js";
import { mountServices, openViews } from "./services/index.js";
import { auditMetrics } from "./services/operations/audit-metrics.js";
import { cacheRouter } from "./services/operations/cache-routes.js";
import { consoleRouter } from "./services/operations/console-routes.js";
import { type MetricsAccess, mayReadMetrics } from "./services/operations/metrics-access.js";
import { operationsRouter } from "./services/operations/operations-routes.js";
import { operatorHealthRouter } from "./services/operations/operator-health.js";
import type { Overlay } from "./services/overlay/overlay.js";
import { overlayRouter } from "./services/overlay/routes/overlay-routes.js";
import { type SubjectRoutesOptions, subjectsRouter } from "./services/subjects/subject-routes.js";
import { syncRouter } from "./services/sync/sync-routes.js";
import type { SyncService } from "./services/sync/sync-service.js";
import { webhookRouter } from "./services/sync/webhook-routes.js";
import { cacheStatsRouter, healthRouter } from "./services/system-routes.js";
import type { Clock } from "./services/views/calendar.js";
import type { ViewCache } from "./services/views/view-cache.js";
import { openWarmer } from "./services/warming/warmer.js";
import type { StateStore } from "./state/state-redis.js";

export interface AppDependencies {
  readonly pool: Pool;
  readonly cache: TenantCache;
  /** Whether all processes use the same cache, so that a logout in one is heard of in all. Default: no. */
  readonly isCacheShared?: boolean;
  readonly authenticator: Authenticator;
  /** The persistent Redis. Default: none; limits of single endpoints count in this process's memory. */
  readonly state?: StateStore | undefined;
  /** Logging in. Default: not offered. */
  readonly auth?: AuthOptions | undefined;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  /** What anonymous callers see of health. Default: figures. */
  readonly healthDetails?: HealthDetails | undefined;
  /** How long the database and the persistent Redis may take to answer a look at health, milliseconds; for tests. Default 1000. */
  readonly healthWithinMs?: number | undefined;
  readonly ttlSeconds: ModuleContext["ttlSeconds"];
  /** Who may read /metrics. Default: nobody, and it is not there. */
  readonly metrics?: MetricsAccess | undefined;
  /** Default: one that samples when it is asked. */
  readonly monitor?: CacheMonitor;
  /** The services' views, where somebody else reads them too. Default: opened here, with `ttl` and `clock`. */
  readonly views?: ViewCache;
  /** Reads them ahead. Default: one that runs when it is asked. */
  readonly warmer?: CacheWarmer;
  /** TTLs of the services' views, by name, seconds. Default: the preset of the cache. */
  readonly ttl?: TtlPreset;
  /** Decides what "today" is. Default: the system's. */
  readonly clock?: Clock;
  /** The audit trail: it is told of reads of views, and auditors see it. Default: nothing is recorded. */
  readonly audit?: AuditRoutesOptions | undefined;
  /** Erasure and export of data about persons. Default: not offered. */
  readonly subjects?: SubjectRoutesOptions | undefined;
  /** Synchronisation with other CRMs. Default: none; its routes are not there. */
  readonly sync?: SyncService | undefined;
  /** What other CRMs call this server. Default: as their requests say. */
  readonly publicUrl?: string | undefined;
  /** Clients of other CRMs, communications, tasks, AI actions, documents. Default: not offered. */
  readonly overlay?: Overlay | undefined;
  /** Whether it is noted which tenants are active, whose lists are then warmed. Default: no. */
  readonly notesActivity?: boolean;
  readonly rateLimit: RateLimitOptions;
  /** Express's `trust proxy`. Default: none is trusted. */
  readonly trustProxy?: string | number | boolean;
}

export interface AppBehindLane {
  readonly app: Express;
  /** What a server serves: the lane, and behind it the app. */
  readonly listener: RequestListener;
}

export function createAppBehindLane(deps: AppDependencies): AppBehindLane {
  const { cache, authenticator, isCacheShared = false } = deps;
  const edge = createEdge(deps);
  const app = createApp(deps, edge);
  return { app, listener: laneInFront(app, { cache, edge, authenticator, isCacheShared }) };
}

/** The app alone. Where the lane is in front of it, they share the edge. */
export function createApp(deps: AppDependencies, edge = createEdge(deps)): Express {
  const { pool, cache, logger, lifecycle, ttlSeconds } = deps;
  const app = express();
  // The extended parser merges and truncates arrays: with it, different queries could mean the same to a handler.
  app.set("query parser", "simple");
  app.set("trust proxy", deps.trustProxy ?? false);
  // cacheList makes the ETags of what it caches; nothing else is worth one.
  app.set("etag", false);

  app.use(...edge.everyResponse, onePathSpelling);
  const database = watchDatabase(pool, logger);
  const { healthDetails: details, healthWithinMs: withinMs } = deps;
  const health = { pool, database, cache, state: deps.state, lifecycle, details, withinMs };
  // Nobody needs a token here, but who has one may see more.
  app.use("/api/system/health", identify(deps.authenticator), healthRouter(health));
  const monitor = deps.monitor ?? new CacheMonitor(cache);
  app.use(
    ["/health", "/api/health"],
    identify(deps.authenticator),
    operatorHealthRouter({ ...health, monitor }),
  );

  const { metrics, sync, publicUrl } = deps;
  if (metrics && metrics.kind !== "nobody")
    app.use(
      "/metrics",
      cache.metricsHandler({
        authorize: (req) => mayReadMetrics(metrics, req),
        ...(deps.audit && { registry: auditMetrics(deps.audit.watch) }),
      }),
    );

  // In front of everything that asks for a token or reads a body: what other CRMs send is signed, over its bytes.
  if (sync) app.use("/api/sync/webhooks", webhookRouter({ sync, publicUrl, rateLimiter: edge.rateLimiter }));

  const api = Router();
  api.use(identify(deps.authenticator), edge.rateLimiter, boundSubjects(pool.options.max));
  mountOpenApi(api, app);
  const auth = deps.auth && createAuthServices(deps, deps.auth);
  api.use("/auth", auth && deps.auth ? authRouter(auth, deps.auth) : authUnavailable());
  api.use(requireIdentity, requireOwnPassword);
  if (deps.notesActivity) api.use(noteActivity(pool));
  api.use("/system/cache-stats", cacheStatsRouter(cache));
  const views =
    deps.views ??
    openViews({ pool, cache, ...(deps.ttl && { ttl: deps.ttl }), ...(deps.clock && { clock: deps.clock }) });
  const warmer = deps.warmer ?? openWarmer({ pool, cache, views, ttlSeconds });
  const { authenticator } = deps;
  const { rateLimiter } = edge;
  app.use("/ops/cache-api", operationsRouter({ cache, authenticator, warmer, rateLimiter }));
  app.use(
    "/ops",
    consoleRouter({
      cache,
      authenticator,
      monitor,
      warmer,
      rateLimiter,
      sessions: auth?.service,
      auditors: deps.audit && { audit: deps.audit, sync, vault: deps.subjects?.vault },
    }),
  );
  if (sync) api.use("/sync", syncRouter(sync));
  api.use("/cache", cacheRouter({ monitor, views, warmer }));
  const changes = auth ? toAll(views, endingSessions(auth.service)) : views;
  mountModules(api, { pool, cache, changes, ttlSeconds });
  mountServices(api, {
    pool,
    cache,
    ttlSeconds,
    views,
    changes,
    state: deps.state,
    signing: deps.auth?.signing,
    trail: deps.audit?.trail,
  });
  if (deps.audit) api.use("/overlay", auditRouter(deps.audit));
  if (deps.subjects) api.use("/overlay", subjectsRouter(deps.subjects));
  if (deps.overlay) api.use("/overlay", overlayRouter(deps.overlay));
  app.use("/api", api);

  app.use(unknownRoute, errorHandler(logger, database));
  return app;
}
