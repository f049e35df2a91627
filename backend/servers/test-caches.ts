// The caches that tests run against: options for each store. Tests make the caches, of sources or of the package.
import { randomUUID } from "node:crypto";
import { sharedRedisUrl } from "./index.js";

/** `redis-only`: without the in-process tier in front of it. */
export const STORES = ["memory", "redis", "redis-only"] as const;
export type StoreName = (typeof STORES)[number];

const ignore = (_line: string): void => undefined;
export const quiet = { info: ignore, warn: ignore, error: ignore };

/** Far above what a busy machine takes: what most suites are about is what happens, not how fast. */
export const PATIENT = { budgetMs: 10_000, fill: { waitMs: 60_000 } } as const;
/** How long a store may take to be in use, milliseconds. */
export const READY_WITHIN_MS = 60_000;

/** What a cache is made with; its tenant is the request header `x-tenant`. */
export async function optionsFor(store: StoreName) {
  return {
    redis: store === "memory" ? undefined : await sharedRedisUrl(),
    ...(store === "redis-only" && { local: { maxBytes: 0 } }),
    keyPrefix: `test:${randomUUID()}:`,
    tenant: (req: { get(header: string): string | undefined }) => req.get("x-tenant"),
    logger: quiet,
    ...PATIENT,
  };
}

interface OpenedCache {
  ready(timeoutMs: number): Promise<boolean>;
  health(): { readonly reason: string | null };
  close(): Promise<void>;
}

/** @throws Error where the store is not in use in time; the cache is then closed */
export async function inUse<Cache extends OpenedCache>(cache: Cache): Promise<Cache> {
  if (await cache.ready(READY_WITHIN_MS)) return cache;
  const { reason } = cache.health();
  await cache.close();
  throw new Error(`the store is not reachable (${reason})`);
}
