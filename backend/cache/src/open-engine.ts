// The engine of a cache, from its options and its open store: with the feed and the traces around that store.
// Tests: test/integration/refused-caches.test.ts
import { Advisor } from "./advice/advisor.js";
import { createSealer, PLAIN } from "./codec/encryption.js";
import { CacheEngine } from "./engine/cache-engine.js";
import { Counters } from "./engine/counters.js";
import { feedHostOf } from "./engine/feed-host.js";
import { openerOf } from "./engine/feeds.js";
import { Telemetry } from "./metrics/telemetry.js";
import type { ParsedCacheOptions } from "./options/cache-options.js";
import { maxTenantBytesOf, type OpenStore } from "./options/open-store.js";
import { FENCE_TTL_MS } from "./store/fence-token.js";
import { offers } from "./store/store-parts.js";

const FAILURES_THAT_OPEN = 3;
const FIRST_PROBE_MS = 50;
const SLOWEST_PROBE_MS = 2000;
const SKIP_MS = 5000;
const SWEEP_GATHER_MS = 50;
const WALK_GATHER_MS = 60_000;

/** @internal */
export interface OpenEngine {
  readonly engine: CacheEngine;
  readonly telemetry: Telemetry | undefined;
  /** Has the feed begin, where there is one. */
  begin(): void;
  /** The store, too. */
  readonly close: () => Promise<void>;
}

/** @internal */
export function openEngine({ store: plainStore, keys }: OpenStore, parsed: ParsedCacheOptions): OpenEngine {
  const telemetry = parsed.telemetry
    ? new Telemetry(parsed.telemetry === true ? {} : parsed.telemetry)
    : undefined;
  const tracedStore = telemetry?.trace(plainStore) ?? plainStore;
  const { budgetMs, logger } = parsed;
  const feed = openerOf(parsed.feed)?.({ store: tracedStore, keys, budgetMs, logger });
  const store = feed?.store ?? tracedStore;
  const engine = new CacheEngine(
    store,
    keys,
    new Counters(),
    {
      budgetMs: parsed.budgetMs,
      failureThreshold: FAILURES_THAT_OPEN,
      probeIntervalMs: FIRST_PROBE_MS,
      maxProbeIntervalMs: SLOWEST_PROBE_MS,
      maxPendingInvalidations: parsed.maxPendingInvalidations,
      maxCausesPerTenant: parsed.causes ? parsed.causes.maxPerTenant : 0,
      sharesCauses: parsed.causes ? parsed.causes.shared : false,
      fenceTtlMs: FENCE_TTL_MS,
      waitMs: parsed.fill.waitMs,
      leaseMs: parsed.fill.waitMs,
      maxWaiting: parsed.fill.maxWaiting,
      skipMs: SKIP_MS,
      sealer: parsed.encryption ? createSealer(parsed.encryption.keys) : PLAIN,
      sweepGatherMs: SWEEP_GATHER_MS,
      walkGatherMs: WALK_GATHER_MS,
      compress: parsed.compress,
      maxTenantBytes: offers(store, "quota") ? maxTenantBytesOf(parsed) : Number.POSITIVE_INFINITY,
      advisor: parsed.advice.enabled ? new Advisor() : undefined,
      localBytes: parsed.local.maxBytes,
      localTenantBytes: Math.floor(parsed.local.maxBytes * parsed.local.maxTenantShare),
      feed,
      trace: telemetry && ((fences, replace) => telemetry.invalidation(fences, replace)),
    },
    logger,
  );
  const begin = () => feed?.start(feedHostOf(engine));
  const close = async () => {
    await feed?.close();
    await engine.close();
  };
  return { engine, telemetry, begin, close };
}

/**
 * Has what was opened closed where the work behind it throws: nobody else could.
 * @internal
 */
export function orClosed<T>(close: () => Promise<unknown>, work: () => T): T {
  try {
    return work();
  } catch (error) {
    void close().catch(() => undefined);
    throw error;
  }
}
