// What the monitor has sampled and told since the console was mounted: for the chart, and for the page of alerts.
// Tests: test/integration/console-pages.test.ts
import type { Alert } from "../ops/alert-rules.js";
import type { CacheMonitor } from "../ops/cache-monitor.js";
import type { MonitorFigures } from "../ops/monitor-figures.js";

const MAX_SAMPLES = 240;
const MAX_ENDED = 50;

/** Of all tenants together. The chart makes rates of what two points have counted. */
export interface HistoryPoint {
  readonly at: number;
  readonly hits: number;
  readonly misses: number;
  readonly latencyMs: number | null;
}

export interface EndedAlert extends Alert {
  readonly until: Date;
}

export class History {
  readonly #points: HistoryPoint[] = [];
  readonly #ended: EndedAlert[] = [];
  #latest: MonitorFigures | undefined;

  constructor(monitor: CacheMonitor) {
    monitor.on("sample", (figures) => {
      const { at, totals, store } = figures;
      this.#latest = figures;
      this.#points.push({
        at: at.getTime(),
        hits: totals.hits,
        misses: totals.misses,
        latencyMs: store.latencyMs,
      });
      if (this.#points.length > MAX_SAMPLES) this.#points.shift();
    });
    monitor.on("resolved", (alert) => {
      this.#ended.unshift({ ...alert, until: new Date() });
      this.#ended.length = Math.min(this.#ended.length, MAX_ENDED);
    });
  }

  get points(): readonly HistoryPoint[] {
    return this.#points;
  }

  /** The newest first. */
  get ended(): readonly EndedAlert[] {
    return this.#ended;
  }

  /** `undefined` before the first sample. */
  get latest(): MonitorFigures | undefined {
    return this.#latest;
  }
}
