// What the monitor knows: the latest figures, and the rates of the last minutes from a ring of samples.
// Tests: test/integration/monitor.test.ts

import type { QuickStats } from "../stats.js";
import { monotonicNow } from "../timers.js";

/** Rates of the window; `null` where nothing of the kind happened in it. */
export interface RecentRates {
  /** How much of the window has been watched, seconds. */
  readonly seconds: number;
  readonly lookups: number;
  readonly hitRatio: number | null;
  /** Store operations that failed to all lookups and stores. */
  readonly errorRate: number | null;
  readonly evictionsPerSecond: number | null;
  readonly commandsPerSecond: number | null;
}

export interface MonitorFigures extends QuickStats {
  readonly at: Date;
  readonly recent: RecentRates;
  /** Of the server's `maxmemory`, between 0 and 1; `null` where it has none. */
  readonly memoryShare: number | null;
}

interface Sample {
  readonly atMs: number;
  readonly stats: QuickStats;
}

/** Samples of at most the window, the oldest first. */
export class SampleRing {
  readonly #windowMs: number;
  #samples: Sample[] = [];

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(stats: QuickStats, now = new Date()): MonitorFigures {
    const atMs = monotonicNow();
    this.#samples = [
      ...this.#samples.filter((sample) => atMs - sample.atMs <= this.#windowMs),
      { atMs, stats },
    ];
    const first = this.#samples[0] ?? { atMs, stats };
    const { usedMemoryBytes, maxMemoryBytes } = stats.server ?? {};
    const hasLimit =
      typeof usedMemoryBytes === "number" && typeof maxMemoryBytes === "number" && maxMemoryBytes > 0;
    return {
      ...stats,
      at: now,
      recent: ratesBetween(first, { atMs, stats }),
      memoryShare: hasLimit ? usedMemoryBytes / maxMemoryBytes : null,
    };
  }
}

function ratesBetween(first: Sample, last: Sample): RecentRates {
  const seconds = (last.atMs - first.atMs) / 1000;
  const [before, after] = [first.stats.totals, last.stats.totals];
  const hits = after.hits - before.hits;
  const lookups = hits + after.misses - before.misses;
  const operations = lookups + after.bypasses - before.bypasses + after.sets - before.sets;
  // A server that was restarted counts from 0 again.
  const perSecond = (from: number | null | undefined, to: number | null | undefined) =>
    typeof from === "number" && typeof to === "number" && seconds > 0 && to >= from
      ? (to - from) / seconds
      : null;
  const [was, is] = [first.stats.server, last.stats.server];
  return {
    seconds,
    lookups,
    hitRatio: lookups === 0 ? null : hits / lookups,
    errorRate: operations === 0 ? null : Math.min(1, (after.errors - before.errors) / operations),
    evictionsPerSecond: perSecond(was?.evictedKeys, is?.evictedKeys),
    commandsPerSecond: perSecond(was?.commandsProcessed, is?.commandsProcessed),
  };
}
