// The process: configuration, wiring, listening, signals, draining.
// Tests: test/faults/server-process.test.ts
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { loadEnvFile } from "node:process";
import { CacheMonitor, expressServerOptions, StalenessProbe } from "express-tenant-cache";
import { type Logger, pino } from "pino";
import { createAppBehindLane } from "./app.js";
import { type Config, ConfigError, parseConfig } from "./config.js";
import { createPool } from "./db/pool.js";
import { firstSteps } from "./first-steps.js";
import { answerWhileNoticed, drain, KEEP_ALIVE_MS, listen } from "./http/http-server.js";
import { redisRateLimitStore } from "./http/redis-rate-limit-store.js";
import { connectIdentity } from "./identity.js";
import { moduleTtls, openCache, openFeed } from "./open-cache.js";
import { projectFile } from "./project-root.js";
import { openAudit } from "./services/audit/audit-service.js";
import { AuditWatch } from "./services/audit/status/audit-watch.js";
import type { Lifecycle } from "./services/health.js";
import { openViews } from "./services/index.js";
import { metricsAccess } from "./services/operations/metrics-access.js";
import { Overlay } from "./services/overlay/overlay.js";
import { OverlayUpkeep } from "./services/overlay/overlay-upkeep.js";
import { openSubjects } from "./services/subjects/open-subjects.js";
import { openSync } from "./services/sync/open-sync.js";
import { tellOverlay } from "./services/sync/overlay-link.js";
import { syncFigures } from "./services/sync/sync-overview.js";
import { warmOnStart } from "./services/warming/warm-on-start.js";
import { openWarmer } from "./services/warming/warmer.js";
import { tellStart } from "./start-lines.js";

// Values that are already in the environment win over those in the file.
const environmentFile = projectFile(".env");
if (existsSync(environmentFile)) loadEnvFile(environmentFile);

// An orphan must not start serving after its supervisor has died.
const exitAsOrphan = () => process.exit(1);
process.once("disconnect", exitAsOrphan);

/** What the start waits for the cache's first connection, so that the first requests are no bypasses; without one it goes on. */
const CACHE_READY_WITHIN_MS = 1000;

/** Whoever seals holds a connection of the other pool already: the vault must not wait for one of those. */
const VAULT_CONNECTIONS = 4;

await main();

async function main(): Promise<void> {
  const config = readConfig();
  const logger = pino({ level: config.LOG_LEVEL });
  try {
    if (config.MIGRATE_ON_START) {
      const { migrate } = await import("./db/migrate.js");
      await migrate(config.DATABASE_URL, (line) => logger.info(line));
    }
    await serve(config, logger);
  } catch (error) {
    fail(`cannot start: ${startProblem(error, config)}`);
  }
}

function readConfig(): Config {
  try {
    return parseConfig(process.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    fail(["The environment is not usable (see .env.example):", ...error.problems].join("\n  "));
  }
}

async function serve(config: Config, logger: Logger): Promise<void> {
  const lifecycle: Lifecycle = { draining: false };
  const pool = createPool({
    databaseUrl: config.DATABASE_URL,
    max: config.DATABASE_POOL_MAX,
    onError: (message) => logger.warn(message),
  });
  const feed = openFeed(config, pool);
  if (config.MIGRATE_ON_START) await feed?.install();
  const cache = openCache(config, { tenant: (req) => req.auth?.tenantId, logger, feed });
  const views = openViews({ pool, cache });
  const ttlSeconds = moduleTtls(config);
  const warmer = openWarmer({ pool, cache, views, ttlSeconds });
  const monitor = new CacheMonitor(cache).start();
  monitor.on("alert", ({ name, message }) => logger.warn(`cache alert ${name}: ${message}`));
  monitor.on("resolved", ({ name, since }) => {
    const seconds = Math.round((Date.now() - since.getTime()) / 1000);
    logger.info(`cache alert ${name}: over after ${seconds} s`);
  });
  const probeMs = config.CACHE_STALENESS_PROBE_SECONDS * 1000;
  const probe = probeMs > 0 ? new StalenessProbe(cache, { intervalMs: probeMs }).start() : undefined;
  const vaultPool = createPool({
    databaseUrl: config.DATABASE_URL,
    max: VAULT_CONNECTIONS,
    onError: (message) => logger.warn(message),
  });
  const audit = openAudit({ pool, cache, config: config.audit, logger });
  const subjects =
    config.subjectKeys &&
    openSubjects({
      keys: config.subjectKeys,
      pool: vaultPool,
      cache,
      audit: audit.trailWith,
      logger,
    });
  const sync = subjects && openSync(config, { pool, cache, logger, ...subjects });
  const overlay =
    subjects && new Overlay({ pool, cache, audit: subjects.audit, vault: subjects.vault, sources: sync });
  if (sync && overlay) tellOverlay(sync, overlay);
  const overlayUpkeep = overlay && new OverlayUpkeep(overlay, logger);
  const auditWatch =
    subjects &&
    new AuditWatch({ pool, trail: subjects.audit, logger, brokenTrees: () => audit.worker.alarms }).start();
  if (sync) auditWatch?.registerSync((tenantId) => syncFigures(sync, tenantId));
  const rateLimitStore = config.redis && redisRateLimitStore(config.redis, config.CACHE_KEY_PREFIX, logger);
  const [identity] = await Promise.all([connectIdentity(config, logger), cache.ready(CACHE_READY_WITHIN_MS)]);
  const { app, listener } = createAppBehindLane({
    pool,
    cache,
    isCacheShared: config.redisCache !== undefined,
    views,
    warmer,
    monitor,
    logger,
    lifecycle,
    metrics: metricsAccess(config.METRICS_TOKEN, config.NODE_ENV === "production"),
    healthDetails: config.HEALTH_DETAILS,
    authenticator: identity.authenticator,
    auth: identity.auth,
    state: identity.state,
    ttlSeconds,
    subjects,
    overlay,
    audit: subjects &&
      auditWatch && {
        pool,
        trail: subjects.audit,
        pseudonym: (tenantId, subjectId) => subjects.vault.pseudonym(tenantId, subjectId),
        watch: auditWatch,
      },
    sync,
    publicUrl: config.SYNC_PUBLIC_URL,
    notesActivity: true,
    rateLimit: {
      max: config.RATE_LIMIT_MAX,
      windowSeconds: config.RATE_LIMIT_WINDOW_SECONDS,
      store: rateLimitStore?.store,
    },
    trustProxy: config.TRUST_PROXY,
  });

  // BullMQ takes as long to load as all of Express does: not for who does without.
  const { WarmQueue } = config.CACHE_WARM_ON_START ? await import("./services/warming/warm-queue.js") : {};
  const server = createServer({ ...expressServerOptions(app), keepAliveTimeout: KEEP_ALIVE_MS }, listener);
  const { port } = await listen(server, config.PORT, config.HOST);
  const warmQueue =
    WarmQueue && config.redis !== undefined
      ? new WarmQueue({ servers: config.redis, keyPrefix: config.CACHE_KEY_PREFIX, warmer, logger })
      : undefined;
  const warming = new AbortController();
  let warmed: Promise<unknown> | undefined;

  // Before anybody hears that it listens: who hears it may stop it in the same moment.
  const leave = async (reason: string, enough: AbortSignal) => {
    // Ctrl-C, or a parent that is gone: nobody is there who would notice.
    const delayMs = reason === "SIGTERM" ? config.SHUTDOWN_DELAY_MS : 0;
    const told = delayMs > 0 ? `not ready, listening for ${delayMs} ms more, then ` : "";
    logger.info(`${reason}: ${told}draining for at most ${config.SHUTDOWN_GRACE_MS} ms`);
    lifecycle.draining = true;
    warming.abort();
    if (delayMs > 0) await answerWhileNoticed(server, delayMs, enough);
  };
  onStopSignal(leave, async () => {
    await drain(server, config.SHUTDOWN_GRACE_MS);
    await warmed;
    await warmQueue?.close();
    monitor.stop();
    probe?.stop();
    await sync?.close();
    await overlayUpkeep?.stop();
    await auditWatch?.stop();
    await subjects?.stop();
    await audit.close();
    await cache.close();
    rateLimitStore?.close();
    identity.close();
    await Promise.all([pool.end(), vaultPool.end()]);
    logger.info("stopped");
  });

  subjects?.start();
  overlayUpkeep?.start();
  if (subjects) audit.worker.start();
  sync?.start();
  tellStart(config, cache, logger);
  logger.info(`listening on ${config.HOST}:${port}`);
  const isAnywhere = config.HOST === "0.0.0.0" || config.HOST === "::";
  const steps = firstSteps(pool, `http://${isAnywhere ? "127.0.0.1" : config.HOST}:${port}`);
  // A database that is away just now has its own line, and is no reason not to listen.
  for (const line of await steps.catch(() => [])) logger.info(line);
  if (lifecycle.draining) return;
  process.send?.({ type: "listening", port });
  if (config.CACHE_WARM_ON_START) warmed = warmOnStart({ cache, warmer, logger, signal: warming.signal });
  void warmQueue?.schedule();
}

const PARENT_GONE = "the parent process is gone";

/**
 * Runs `leave` and then `stop` once, on the first signal or when the parent that started us over IPC is gone. What comes while it leaves
 * ends that: nobody waits for proxies any more. A signal after that ends the process at once.
 */
function onStopSignal(
  leave: (reason: string, enough: AbortSignal) => Promise<void>,
  stop: () => Promise<void>,
): void {
  const enough = new AbortController();
  let state: "serving" | "leaving" | "stopping" = "serving";
  const leaveAndStop = async (reason: string) => {
    state = "leaving";
    await leave(reason, enough.signal);
    state = "stopping";
    await stop();
  };
  const hear = (reason: string) => {
    if (state === "leaving") enough.abort();
    else if (state === "serving") {
      leaveAndStop(reason).then(
        () => process.exit(0),
        (error: unknown) => fail(`stopping failed: ${String(error)}`),
      );
    } else if (reason !== PARENT_GONE) process.exit(1);
  };
  process.on("SIGTERM", () => hear("SIGTERM"));
  process.on("SIGINT", () => hear("SIGINT"));
  process.off("disconnect", exitAsOrphan);
  process.on("disconnect", () => hear(PARENT_GONE));
}

function startProblem(error: unknown, config: Config): string {
  const code = error instanceof Error ? Reflect.get(error, "code") : undefined;
  if (code === "EADDRINUSE") return `port ${config.PORT} is in use: stop what listens there, or set PORT`;
  if (code === "EACCES") return `port ${config.PORT} may not be used by this user: set PORT to 1024 or more`;
  if (code === "ECONNREFUSED") return "nothing answers at DATABASE_URL";
  return error instanceof Error ? error.message : String(error);
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
