// `CacheMonitor`: watches a cache and its server, and tells when something wants an operator.
// Tests: test/integration/monitor.test.ts
import { EventEmitter } from "node:events";
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import { Listeners } from "../engine/listeners.js";
import { refuseSurplus } from "../options/arguments.js";
import { parse, registerCall, timerMs } from "../options/parse.js";
import { quickStats } from "../stats.js";
import { engineOf, type TenantCache } from "../tenant-cache.js";
import { messageOf } from "../thrown.js";
import { delay } from "../timers.js";
import {
  type Alert,
  type AlertRule,
  type AlertThresholds,
  DEFAULT_THRESHOLDS,
  defaultRules,
} from "./alert-rules.js";
import { type MonitorFigures, SampleRing } from "./monitor-figures.js";
import { type MonitorMetrics, metricsOf } from "./monitor-metrics.js";

export interface CacheMonitorOptions {
  /** Between samples once started, milliseconds. Default 15,000. */
  readonly intervalMs?: number;
  /** What "recent" means, milliseconds. Default 300,000. */
  readonly windowMs?: number;
  /** Of the rules that are there; see {@link AlertThresholds}. */
  readonly thresholds?: Partial<AlertThresholds>;
  /** Beside them. */
  readonly rules?: readonly AlertRule[];
}

export interface MonitorHealth {
  /**
   * `unhealthy`: the store is away, so everything is asked of its source; `degraded`: in use, with alerts.
   */
  readonly status: "healthy" | "degraded" | "unhealthy";
  readonly connected: boolean;
  readonly latencyMs: number | null;
  readonly reconnectAttempts: number;
  readonly alerts: readonly Alert[];
}

export interface CacheMonitorEvents {
  /** Once when it begins. */
  alert: [alert: Alert];
  /** Once when it ends. */
  resolved: [alert: Alert];
  sample: [figures: MonitorFigures];
}

const share = z.number().min(0).max(1);
const monitorOptions = z.strictObject({
  intervalMs: timerMs(100).default(15_000),
  windowMs: z.int().min(1000).default(300_000),
  thresholds: z
    .strictObject({
      minHitRatio: share,
      minLookups: z.int().min(0),
      maxMemoryShare: share,
      maxLatencyMs: z.number().positive(),
      maxErrorRate: share,
    })
    .partial()
    .default({}),
  rules: z
    .array(
      z.custom<AlertRule>((rule) => typeof Reflect.get(Object(rule), "check") === "function", {
        error: "write an object with a name and a method check",
      }),
    )
    .default([]),
});

registerCall("CacheMonitor", "new CacheMonitor(cache, { intervalMs: 15000 })", monitorOptions);

/**
 * Asks only when started or asked itself; never rejects, also where the store is away. A rule that throws is
 * an alert.
 */
export class CacheMonitor extends EventEmitter<CacheMonitorEvents> {
  readonly #engine: CacheEngine;
  readonly #listeners: Listeners<CacheMonitorEvents>;
  readonly #rules: readonly AlertRule[];
  readonly #ring: SampleRing;
  readonly #intervalMs: number;
  readonly #alerts = new Map<string, Alert>();
  #stop: AbortController | undefined;

  /** @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS` */
  constructor(cache: TenantCache, options: CacheMonitorOptions = {}, ...surplus: never[]) {
    super();
    refuseSurplus("CacheMonitor", surplus, "one object: new CacheMonitor(cache, { intervalMs, thresholds })");
    const parsed = parse("CacheMonitor", monitorOptions, options);
    this.#engine = engineOf(cache);
    this.#listeners = new Listeners(this, "a CacheMonitor", this.#engine.logger);
    this.#intervalMs = parsed.intervalMs;
    this.#ring = new SampleRing(parsed.windowMs);
    const given = Object.entries(parsed.thresholds).filter(([, value]) => value !== undefined);
    const thresholds = { ...DEFAULT_THRESHOLDS, ...Object.fromEntries(given) };
    this.#rules = [...defaultRules(thresholds), ...parsed.rules];
  }

  /** What is wrong now, as of the last sample. */
  get alerts(): readonly Alert[] {
    return [...this.#alerts.values()];
  }

  /** Samples at intervals from now on; keeps no process alive. */
  start(): this {
    if (!this.#stop) {
      this.#stop = new AbortController();
      this.#sampleUntil(this.#stop.signal).catch(() => undefined);
    }
    return this;
  }

  stop(): void {
    this.#stop?.abort();
    this.#stop = undefined;
  }

  /** Asks the server now, and checks the rules. */
  async sample(): Promise<MonitorFigures> {
    const figures = this.#ring.add(await quickStats(this.#engine));
    this.#listeners.tell("sample", figures);
    for (const rule of this.#rules) this.#judge(rule.name, verdictOf(rule, figures), figures.at);
    return figures;
  }

  async health(): Promise<MonitorHealth> {
    const { store } = await this.sample();
    const { connected, latencyMs, reconnectAttempts } = store;
    const alerts = this.alerts;
    const status = connected ? (alerts.length > 0 ? "degraded" : "healthy") : "unhealthy";
    return { status, connected, latencyMs, reconnectAttempts, alerts };
  }

  /** The figures in the shape that Redis's INFO has, for dashboards that know it. */
  async metrics(): Promise<MonitorMetrics> {
    const figures = await this.sample();
    return metricsOf(figures, this.alerts);
  }

  async #sampleUntil(signal: AbortSignal): Promise<void> {
    for (;;) {
      await delay(this.#intervalMs, undefined, { signal, ref: false });
      void this.sample();
    }
  }

  #judge(name: string, message: string | undefined, at: Date): void {
    const raised = this.#alerts.get(name);
    if (message === undefined) {
      if (raised && this.#alerts.delete(name)) this.#listeners.tell("resolved", raised);
      return;
    }
    const alert = { name, message, since: raised?.since ?? at };
    this.#alerts.set(name, alert);
    if (!raised) this.#listeners.tell("alert", alert);
  }
}

function verdictOf(rule: AlertRule, figures: MonitorFigures): string | undefined {
  try {
    return rule.check(figures);
  } catch (error) {
    return `the rule itself threw (${messageOf(error)})`;
  }
}
