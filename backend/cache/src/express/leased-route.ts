// Which routes rely on read leases, and the refusal where the store cannot give any.
// Tests: test/unit/refusals/freshness.test.ts
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { HttpServices } from "./http-services.js";

/**
 * A route that allows staleness has said so itself, and goes before what the cache says of all. Hits of routes that the feed covers
 * are asked for its token, which runs out by itself: a lease on fences says nothing of that.
 *
 * @param modules whose fences its entries carry
 * @throws TenantCacheError `ETC_LEASED`
 */
export function isLeased(
  { engine, options }: HttpServices,
  route: ParsedRouteOptions,
  modules: readonly string[],
): boolean {
  const { freshness = route.maxStaleness > 0 ? "strict" : options.freshness } = route;
  if (freshness !== "leased") return false;
  const covered = modules.find((module) => engine.keys.coveredModules.has(module));
  if (covered === undefined) return leaseReads(engine, "cacheList");
  if (route.freshness === undefined) return false;
  throw new TenantCacheError(
    "ETC_LEASED",
    `cacheList: freshness is "leased", and the feed covers "${covered}", whose hits ask for its token: write freshness: "strict", or leave it out`,
  );
}

/**
 * In process there is nothing to lease, and nothing to wait for: false.
 * @throws TenantCacheError `ETC_LEASED`
 */
export function leaseReads(engine: CacheEngine, call: string): boolean {
  const { store, local, lookups } = engine;
  if (store.isInProcess || store.holdsInMemory) return false;
  if (!local) {
    throw new TenantCacheError(
      "ETC_LEASED",
      `${call}: freshness is "leased", and local.maxBytes is 0: leased hits come from this process's memory, so leave local out, or write freshness: "strict"`,
    );
  }
  if (lookups.leaseReads()) return true;
  throw new TenantCacheError(
    "ETC_LEASED",
    `${call}: freshness is "leased", which takes one Redis server or Sentinel, by a URL, options, a client of ioredis or one of node-redis's createClient: with a Cluster, node-redis's Sentinel or a store of your own write freshness: "strict"`,
  );
}
