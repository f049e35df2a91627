// What must hold in a large store under steady load, held against what was seen.
import type { Verdict } from "../report.js";
import { BOUNDS, firstWindows } from "../scale-terms.js";
import { formatNumber, median } from "../statistics.js";
import type { Judge } from "./judge.js";
import type { Window } from "./watch.js";
import type { World } from "./world.js";

const MB = 1024 * 1024;

export function verdictsOn(world: World, windows: readonly Window[], judge: Judge): readonly Verdict[] {
  const first = windows.slice(0, firstWindows(world.terms));
  const later = windows.slice(first.length);
  const judged = later.length > 0 ? later : windows;
  const at = (of: readonly Window[], figure: (window: Window) => number) => median(of.map(figure));
  const most = (figure: (window: Window) => number) => Math.max(...judged.map(figure));
  const last = judged.at(-1);
  const begun = first.at(-1);
  const p99 = at(judged, ({ load }) => load.hitP99Ms) / at(first, ({ load }) => load.hitP99Ms);
  const growthMb = world.processes.map((_, index) => {
    const used = (window: Window | undefined) => {
      const { heapBytes = 0, externalBytes = 0 } = window?.memory[index] ?? {};
      return heapBytes + externalBytes;
    };
    return (used(last) - BOUNDS.processGrowth * used(begun)) / MB;
  });
  const overMax = most(({ redis }) => redis.usedBytes) / world.maxMemoryBytes;
  const pages = ["overview", "tenants", "entries"] as const;
  const pageMs = most(({ looked }) => Math.max(...pages.map((page) => looked[page].tookMs)));
  const pageBytes = most(({ looked }) =>
    Math.max(looked.metrics.bytes, ...pages.map((page) => looked[page].bytes)),
  );
  return [
    verdict("wrong answers", "none", judge.wrong, judge.wrong === 0),
    verdict(
      "p99 of hits, over the first windows'",
      `at most ${BOUNDS.p99Ratio}`,
      p99,
      p99 <= BOUNDS.p99Ratio,
    ),
    verdict(
      "memory of Redis, over `maxmemory`",
      `at most ${BOUNDS.redisOverMax}`,
      overMax,
      overMax <= BOUNDS.redisOverMax,
    ),
    verdict(
      "memory of a process, over a quarter more than in the first windows, MB",
      `at most ${BOUNDS.processGrowthMb}`,
      Math.max(...growthMb),
      Math.max(...growthMb) <= BOUNDS.processGrowthMb,
    ),
    verdict(
      "sweeps that wait in a process",
      `fewer than ${BOUNDS.pendingSweeps}`,
      most(({ sweeps }) => sweeps.pendingSweeps),
      most(({ sweeps }) => sweeps.pendingSweeps) < BOUNDS.pendingSweeps,
    ),
    verdict("slowest page of the console, ms", `at most ${BOUNDS.pageMs}`, pageMs, pageMs <= BOUNDS.pageMs),
    verdict(
      "largest page or scrape, KB",
      `at most ${BOUNDS.pageBytes / 1024}`,
      pageBytes / 1024,
      pageBytes <= BOUNDS.pageBytes,
    ),
    verdict(
      "slowest scrape, ms",
      `at most ${BOUNDS.scrapeMs}`,
      most(({ looked }) => looked.metrics.tookMs),
      most(({ looked }) => looked.metrics.tookMs) <= BOUNDS.scrapeMs,
    ),
    verdict(
      "slowest `stats({ perTenant: true })`, ms",
      `at most ${BOUNDS.statsMs}`,
      most(({ looked }) => looked.stats.tookMs),
      most(({ looked }) => looked.stats.tookMs) <= BOUNDS.statsMs,
    ),
  ];
}

function verdict(path: string, floor: string, figure: number, reached: boolean): Verdict {
  return { path, floor, figure: formatNumber(figure), reached };
}
