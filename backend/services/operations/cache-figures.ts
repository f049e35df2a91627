// Figures of the cache and its server, asked for at most once a second however many ask.
// Tests: test/http/cache-operations.test.ts
import type { CacheMonitor, MonitorFigures } from "express-tenant-cache";

const MAX_AGE_MS = 1000;

/** Health checks come from anybody: they must not cost the server a question each. */
export function recentFigures(monitor: CacheMonitor): () => Promise<MonitorFigures> {
  let asked: { readonly atMs: number; readonly figures: Promise<MonitorFigures> } | undefined;
  return () => {
    const nowMs = performance.now();
    if (!asked || nowMs - asked.atMs > MAX_AGE_MS) asked = { atMs: nowMs, figures: monitor.sample() };
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
