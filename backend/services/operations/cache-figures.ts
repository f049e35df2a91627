// Figures of the cache and its server, asked for at most once in a while however many ask.
import type { CacheStats, TenantCache } from "../../cache/index.js";

/** Counters are this process's, the rest the server's; `server` is `null` where it cannot be asked. */
export type CacheFigures = Pick<CacheStats, "totals" | "store" | "server">;

const MAX_AGE_MS = 5000;

/** Health checks come from anybody, so that they must not cost what a look at the whole cache costs. */
export function recentFigures(cache: Pick<TenantCache, "stats">): () => Promise<CacheFigures> {
  let asked: { readonly atMs: number; readonly figures: Promise<CacheFigures> } | undefined;
  return () => {
    const nowMs = performance.now();
    if (!asked || nowMs - asked.atMs > MAX_AGE_MS) asked = { atMs: nowMs, figures: cache.stats() };
    return asked.figures;
  };
}

/** As Redis writes it: `1.50M`. */
export function humanBytes(bytes: number | null): string | null {
  if (bytes === null) return null;
  if (bytes < 1024) return `${bytes}B`;
  const units = ["K", "M", "G", "T"] as const;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), units.length);
  return `${(bytes / 1024 ** power).toFixed(2)}${units[power - 1]}`;
}
