// `createTenantCache`: from options to the cache that routes, jobs and operators use.
// Tests: test/unit/refusals/cache-options.test.ts, test/integration/cache-list.test.ts
import * as z from "zod";
import type { CacheAdvice } from "./advice/cache-advice.js";
import { NO_ADVICE, writeAdvice } from "./advice/write-advice.js";
import type { CacheEngine } from "./engine/cache-engine.js";
import type { MissReason } from "./engine/entry-memory.js";
import type { CacheEvents } from "./engine/events.js";
import { Refreshes } from "./engine/refreshes.js";
import { SaidLines } from "./engine/said-lines.js";
import { TenantCacheError } from "./errors.js";
import { type CacheList, createCacheList } from "./express/cache-list.js";
import { type CacheRoutes, createCacheRoutes } from "./express/cache-routes.js";
import { createCauses, type ReadCauses } from "./express/causes-call.js";
import { createExplain, createExplained, type Explain, type Explained } from "./express/explain-call.js";
import { HttpServices } from "./express/http-services.js";
import { createInvalidateCache, type InvalidateCache } from "./express/invalidate-cache.js";
import { createInvalidations, type Invalidations } from "./express/invalidations.js";
import { type CreateLane, createLane } from "./express/lane.js";
import { leaseReads } from "./express/leased-route.js";
import { createObserve, type Observe } from "./express/observe.js";
import {
  type AsTenant,
  type Because,
  type InvalidateTouched,
  type TouchedCall,
  TouchedWork,
  type TransactionCall,
} from "./express/touched.js";
import { createTrack, type Track } from "./express/track-call.js";
import { type Logger, unfailing } from "./logger.js";
import { CacheMetrics, type Metrics } from "./metrics/cache-metrics.js";
import { Misuse } from "./misuse/misuse.js";
import { type OpenEngine, openEngine, orClosed } from "./open-engine.js";
import { type CreateOperations, createOperations } from "./operations/create-operations.js";
import { refuseSurplus } from "./options/arguments.js";
import {
  type ParsedCacheOptions,
  parseCacheOptions,
  type TenantCacheOptions,
} from "./options/cache-options.js";
import type { ConsoleHandler, ConsoleOptions, CreateConsole } from "./options/console-options.js";
import { type OpenStore, openStore } from "./options/open-store.js";
import { parse, registerCall } from "./options/parse.js";
import { shown } from "./shown.js";
import {
  type CacheStats,
  collectStats,
  parseStatsFilter,
  type StatsFilter,
  type StoreStats,
  storeStats,
} from "./stats.js";
import { requirePart } from "./store/store-parts.js";
import { CacheManager } from "./toolkit/cache-manager.js";

export interface TenantCache extends Invalidations, Metrics {
  readonly cacheList: CacheList;
  readonly invalidateCache: InvalidateCache;
  /** For routes that are not cached: what caching them would save. See {@link Observe} and {@link advice}. */
  readonly observe: Observe;
  /** Both for a whole router or app, in one line. See {@link CacheRoutes}. */
  readonly routes: CacheRoutes;
  /** Middleware for what `touched` tells in the handlers behind it. See {@link InvalidateTouched}. */
  readonly invalidateTouched: InvalidateTouched;
  /** For code below the routes, such as an ORM's hooks: says what has been changed. See {@link TouchedCall}. */
  readonly touched: TouchedCall;
  /** Around a transaction: what it touches counts once it has committed. See {@link TransactionCall}. */
  readonly transaction: TransactionCall;
  /** Around a job: what it touches is this tenant's. See {@link AsTenant}. */
  readonly asTenant: AsTenant;
  /** Has statements noted that go through a pool, for routes with `dependsOn: "auto"`. See {@link Track}. */
  readonly track: Track;
  /** Pages for operators, loaded when it is first called: `app.use("/ops/cache", cache.console({ authorize }))`. */
  readonly console: CreateConsole;
  /** Around a job, or what an operator does: whose the invalidations in it are. See {@link Because}. */
  readonly because: Because;
  /** What has invalidated something of a tenant in the last 24 hours. See {@link ReadCauses}. */
  readonly causes: ReadCauses;
  /** What the next such request would be told, and why, without running its handler. See {@link Explain}. */
  readonly explain: Explain;
  /** Why a request of the last minutes was no hit, by its id. See {@link Explained}. */
  readonly explained: Explained;
  /** All of this by HTTP, for operators: `app.use("/ops/cache-api", cache.operations({ authorize }))`. */
  readonly operations: CreateOperations;
  /** Puts the cache in front of the app: hits are answered before Express. See {@link CreateLane}. */
  readonly lane: CreateLane;
  /** The same cache for what is not a response: values by key, collections, counters, locks. */
  readonly manager: CacheManager;
  /**
   * `hit`, `miss`, `stored`, `bypass`, `stale`, `collapsed`, `alarm`; also on diagnostics channels
   * `express-tenant-cache:<event>`.
   */
  readonly events: CacheEvents;
  /**
   * What happened and what is stored; asks the store, and does not reject where that is away.
   * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TENANT_ID`, `ETC_ARGUMENTS`
   */
  stats(filter?: StatsFilter): Promise<CacheStats>;
  /**
   * What each route would save or saves, for which TTL, and what more memory would bring, as the requests to
   * this process say; asks nobody. See `docs/operate/advice.md`. @throws TenantCacheError `ETC_ARGUMENTS`
   */
  advice(): CacheAdvice;
  /** Misses by their reasons, of routes and of values, in this process since it began. */
  missReasons(): Readonly<Record<MissReason, number>>;
  /** How the store is, without asking it. */
  health(): StoreStats;
  /**
   * Resolves with true once the store is in use; with false where that takes longer than `timeoutMs` (default
   * 5,000).
   * @throws TenantCacheError `ETC_OPTIONS`
   */
  ready(timeoutMs?: number): Promise<boolean>;
  /** Resolves when the work behind responses (stores, refreshes, compression, sweeps) is done. */
  idle(): Promise<void>;
  /**
   * Finishes what is under way and closes the connection. A client of the caller's own is left as it was
   * found.
   */
  close(): Promise<void>;
}

/**
 * Makes a cache. In process it is in use at once. Redis is connected to in the background: requests that come
 * before it has answered for the first time wait for it, at most `budgetMs`, and go to their handlers where
 * it does not.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`, `ETC_REDIS_CLIENT`, `ETC_REDIS_KEY_PREFIX`,
 *   `ETC_REDIS_REPLICA`, `ETC_REDIS_MISSING`, `ETC_STORE_PART`, `ETC_LEASED`
 */
export function createTenantCache(options: TenantCacheOptions, ...surplus: never[]): TenantCache {
  refuseSurplus(
    "createTenantCache",
    surplus,
    "all options in one object: createTenantCache({ tenant, redis })",
  );
  const given = parseCacheOptions(options);
  const parsed = { ...given, logger: unfailing(given.logger) };
  const opened = openStore(parsed);
  orClosed(
    () => opened.store.close(),
    () => requireParts(opened, options, parsed),
  );
  return createTenantCacheOn(opened, parsed);
}

function requireParts(opened: OpenStore, options: TenantCacheOptions, parsed: ParsedCacheOptions): void {
  // The default bounds what can be bounded; one that was asked for must not be lost.
  if (options.maxBytesPerTenant !== undefined && Number.isFinite(parsed.maxBytesPerTenant))
    requirePart(opened.store, "quota", "createTenantCache: maxBytesPerTenant");
  const { reservedBytesPerTenant, maxPooledBytes = Number.POSITIVE_INFINITY } = parsed;
  if (reservedBytesPerTenant > 0 || Number.isFinite(maxPooledBytes)) {
    const what = "createTenantCache: reservedBytesPerTenant and maxPooledBytes";
    requirePart(opened.store, "sharing", what);
    opened.store.share?.({ reservedBytesPerTenant, maxPooledBytes });
  }
}

type LoadedConsole = (
  cache: TenantCache,
  options: ConsoleOptions,
  surplus: readonly unknown[],
) => ConsoleHandler;

/** The one room above this one that is loaded from here: late, so that an app without a console has nothing of it. */
function loadConsole(): LoadedConsole {
  const { createConsole } = require("./console/create-console.js") as { createConsole: LoadedConsole };
  return createConsole;
}

const readyTimeout = z.strictObject({
  timeoutMs: z
    .number()
    .min(0)
    .max(2 ** 31 - 1),
});

registerCall("ready", "ready(5000)", readyTimeout);

const engines = new WeakMap<TenantCache, CacheEngine>();

/**
 * The engine of a cache, for what watches it.
 * @internal
 * @throws TenantCacheError `ETC_OPTIONS` where it is no cache of this library
 */
export function engineOf(cache: TenantCache): CacheEngine {
  const engine = engines.get(Object(cache));
  if (engine) return engine;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `the cache is ${shown(cache)}: pass what createTenantCache returned, not a copy of it`,
  );
}

/**
 * The logger of a cache; `console` for one that somebody has wrapped.
 * @internal
 */
export function loggerOf(cache: TenantCache): Logger {
  return engines.get(Object(cache))?.logger ?? console;
}

/**
 * Makes a cache on a store that is open already, and closes that where the cache is refused: the freshness checker
 * weakens the store in between.
 * @internal
 */
export function createTenantCacheOn(opened: OpenStore, given: ParsedCacheOptions): TenantCache {
  const parsed = { ...given, logger: new SaidLines(given.logger) };
  const made = orClosed(
    () => opened.store.close(),
    () => openEngine(opened, parsed),
  );
  return orClosed(made.close, () => {
    made.begin();
    return assemble(made, parsed);
  });
}

/** Those of the toolkit, behind stale values. */
function loadsBehindAnswers({ logger, fill }: ParsedCacheOptions): Refreshes {
  return new Refreshes(fill.waitMs, (reason) =>
    logger.error(
      `express-tenant-cache: a background load failed (${reason}); the value stays stale until it expires`,
    ),
  );
}

/** All that a cache offers, on its engine. */
function assemble({ engine, telemetry, close }: OpenEngine, parsed: ParsedCacheOptions): TenantCache {
  const misuse = new Misuse(parsed.logger, !engine.store.isPrivate);
  if (parsed.freshness === "leased") leaseReads(engine, "createTenantCache");
  const http = new HttpServices(engine, parsed, misuse, telemetry);
  const metrics = new CacheMetrics(engine, parsed.metrics, telemetry);
  const touched = new TouchedWork(http);
  const loads = loadsBehindAnswers(parsed);
  const manager = new CacheManager(engine, parsed, misuse, (call) => touched.originOf("call", call), loads);
  const cache: TenantCache = {
    cacheList: createCacheList(http),
    invalidateCache: createInvalidateCache(http, touched),
    observe: createObserve(http),
    invalidateTouched: touched.middleware,
    touched: touched.touched,
    transaction: touched.transaction,
    asTenant: touched.asTenant,
    routes: createCacheRoutes(http, touched),
    lane: createLane(http),
    track: createTrack(http),
    console: (options, ...surplus) => loadConsole()(cache, options, surplus),
    manager,
    events: engine.events,
    metrics: metrics.metrics,
    metricsHandler: metrics.metricsHandler,
    ...createInvalidations(engine, http, touched),
    because: touched.because,
    causes: createCauses(engine),
    explain: createExplain(http),
    explained: createExplained(http),
    operations: createOperations(() => cache),
    missReasons: () => engine.memory.counts,
    stats: async (filter = {}, ...surplus: unknown[]) => {
      refuseSurplus("stats", surplus, "stats({ tenantId, perTenant: true })");
      return collectStats(engine, parseStatsFilter(filter));
    },
    advice: (...surplus: unknown[]) => {
      refuseSurplus("advice", surplus, "advice(), and look for the route or tenant in what it returns");
      return adviceOf(engine);
    },
    health: () => storeStats(engine),
    ready: async (timeoutMs = 5000) =>
      engine.gate.whenClosed(parse("ready", readyTimeout, { timeoutMs }).timeoutMs),
    idle: async () => {
      await http.idle();
      await manager.idle();
      await engine.idle();
    },
    close: async () => {
      engine.events.close();
      metrics.stop();
      await http.close();
      await loads.close();
      await http.reads.close();
      await close();
    },
  };
  engines.set(cache, engine);
  return cache;
}

function adviceOf({ advisor, counters, maxTenantBytes }: CacheEngine): CacheAdvice {
  if (!advisor) return NO_ADVICE;
  const { modules } = counters.report();
  return writeAdvice(advisor, {
    maxTenantBytes,
    invalidations: (module) => modules[module]?.invalidations ?? 0,
  });
}
