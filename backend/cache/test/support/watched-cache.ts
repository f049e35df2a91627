// A cache whose probes are counted, so that a test can let time pass by what happens in it and not by a clock.
import type { Logger, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { parseCacheOptions } from "../../src/options/cache-options.js";
import { openStore } from "../../src/options/open-store.js";
import { createTenantCacheOn } from "../../src/tenant-cache.js";

export interface WatchedCache {
  readonly cache: TenantCache;
  /** What was logged. */
  readonly lines: readonly string[];
  /** How often the store was tried so far. */
  readonly probes: () => number;
  /** How often it was found usable: each time the circuit was open, it closed. */
  readonly passes: () => number;
}

/** Without the lines that tell anew why a store is still away, which depend on how long it was. */
export const withoutRestated = (lines: readonly string[]) =>
  lines.filter((line) => !line.includes("store still away"));

const byHeader: Pick<TenantCacheOptions, "tenant"> = { tenant: (req) => req.get("x-tenant") };

export function openWatched(options: Partial<TenantCacheOptions>): WatchedCache {
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const logger: Logger = { info: log, warn: log, error: log };
  const parsed = parseCacheOptions({ ...byHeader, logger, ...options });
  const opened = openStore(parsed);
  let probes = 0;
  let passes = 0;
  const ping = opened.store.ping.bind(opened.store);
  opened.store.ping = async () => {
    probes++;
    await ping();
    passes++;
  };
  return {
    cache: createTenantCacheOn(opened, parsed),
    lines,
    probes: () => probes,
    passes: () => passes,
  };
}
