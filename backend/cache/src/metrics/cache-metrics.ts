// `cache.metrics()` and `cache.metricsHandler()`: the figures in Prometheus's text format, or OpenMetrics.
// Tests: test/integration/metrics.test.ts
import type { Request, RequestHandler, Response } from "express";
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import { isRequest, refuseSurplus } from "../options/arguments.js";
import type { ParsedCacheOptions } from "../options/cache-options.js";
import { fn, parse, registerCall } from "../options/parse.js";
import { loadPromClient } from "../peers.js";
import { MetricsViews } from "./metrics-view.js";
import { METRIC_NAMES, type MetricsRegistry, registerFigures } from "./prometheus.js";
import { Reporter } from "./reporter.js";
import type { Telemetry } from "./telemetry.js";

export interface MetricsOptions {
  /**
   * A registry of `prom-client`, for example the app's own: the figures are in it from then on. Default: one
   * of the cache's own.
   */
  readonly registry?: MetricsRegistry;
  /** Whether to write OpenMetrics instead of Prometheus's text format. With a registry, that decides. Default false. */
  readonly openMetrics?: boolean;
}

export interface MetricsHandlerOptions {
  /** Whether this request may see the figures of all tenants; also as a promise. What throws refuses. */
  readonly authorize: (req: Request) => boolean | Promise<boolean>;
  /** See {@link MetricsOptions}. */
  readonly registry?: MetricsRegistry;
}

/** What the cache tells of itself to Prometheus. */
export interface Metrics {
  /**
   * The figures of this process as text, and what the store's server has said last; asks no store. Needs the package
   * `prom-client`, unless a registry is given.
   * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`, `ETC_PROM_CLIENT`
   */
  metrics(options?: MetricsOptions): Promise<string>;
  /**
   * A handler that answers GET and HEAD with {@link metrics}: `app.get("/metrics", cache.metricsHandler({ authorize }))`.
   * @throws TenantCacheError `ETC_OPTIONS`, `ETC_ARGUMENTS`, `ETC_PROM_CLIENT`
   */
  metricsHandler(options: MetricsHandlerOptions): RequestHandler;
}

const registry = z
  .custom<MetricsRegistry>(isRegistry, {
    error: "write a Registry of prom-client, for example client.register",
  })
  .optional();
const metricsSchema = z.strictObject({ registry, openMetrics: z.boolean().default(false) });
const handlerSchema = z.strictObject({
  authorize: fn<MetricsHandlerOptions["authorize"]>('(req) => req.auth?.role === "operator"'),
  registry,
});

registerCall("metrics", "metrics({ registry: client.register })", metricsSchema);
registerCall("metricsHandler", "metricsHandler({ authorize: (req) => mayOperate(req) })", handlerSchema);

export class CacheMetrics implements Metrics {
  readonly #views: MetricsViews;
  readonly #reporter: Reporter;
  readonly #engine: CacheEngine;
  readonly #known = new WeakSet<MetricsRegistry>();
  #own: MetricsRegistry | undefined;
  #ownOpen: MetricsRegistry | undefined;

  /** @internal */
  constructor(engine: CacheEngine, options: ParsedCacheOptions["metrics"], telemetry: Telemetry | undefined) {
    this.#engine = engine;
    this.#views = new MetricsViews(engine, options);
    this.#reporter = new Reporter(engine, options, () => {
      this.#views.now();
      return this.#views.busiest.names;
    });
    if (!telemetry) return;
    telemetry.observe(engine, this.#views);
    this.#reporter.start();
  }

  readonly metrics = async (options: MetricsOptions = {}, ...surplus: unknown[]): Promise<string> => {
    refuseSurplus("metrics", surplus, "metrics({ registry: client.register })");
    const parsed = parse("metrics", metricsSchema, options);
    return (
      parsed.registry ? this.#include(parsed.registry) : this.#ownRegistry(parsed.openMetrics)
    ).metrics();
  };

  readonly metricsHandler = (options: MetricsHandlerOptions, ...surplus: unknown[]): RequestHandler => {
    if (isRequest(options)) throw uncalled();
    refuseSurplus("metricsHandler", surplus, "one object: metricsHandler({ authorize, registry })");
    const { authorize, registry: given } = parse("metricsHandler", handlerSchema, options);
    // Now, so that a package that is missing is named when the route is mounted.
    const text = given ? this.#include(given) : this.#ownRegistry(false);
    return async function metricsMiddleware(this: CacheMetrics, req: Request, res: Response) {
      if (req.method !== "GET" && req.method !== "HEAD") return refuse(res, 405, { Allow: "GET, HEAD" });
      let isAllowed = false;
      try {
        isAllowed = (await authorize(req)) === true;
      } catch {
        // Who cannot be told apart is not allowed.
      }
      if (!isAllowed) return refuse(res, 403);
      const shown = !given && asksForOpenMetrics(req) ? this.#ownRegistry(true) : text;
      const body = await shown.metrics();
      res.statusCode = 200;
      res.setHeader("Content-Type", shown.contentType);
      res.setHeader("Cache-Control", "no-store");
      res.setHeader("Vary", "Accept");
      res.end(req.method === "HEAD" ? undefined : body);
    }.bind(this);
  };

  stop(): void {
    this.#reporter.stop();
  }

  #ownRegistry(isOpen: boolean): MetricsRegistry {
    const known = isOpen ? this.#ownOpen : this.#own;
    if (known) return known;
    const { Registry } = loadPromClient();
    const made = new Registry(isOpen ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE);
    if (isOpen) this.#ownOpen = made;
    else this.#own = made;
    return this.#include(made);
  }

  #include(into: MetricsRegistry): MetricsRegistry {
    if (this.#known.has(into)) return into;
    if (METRIC_NAMES.some((name) => into.getSingleMetric(name) !== undefined)) throw taken();
    this.#known.add(into);
    this.#engine.counters.latencies.switchOn();
    this.#reporter.start();
    registerFigures(into, this.#views);
    return into;
  }
}

function isRegistry(value: unknown): value is MetricsRegistry {
  if (typeof value !== "object" || value === null) return false;
  const hasMethods = ["metrics", "registerMetric", "getSingleMetric"].every(
    (name) => typeof Reflect.get(value, name) === "function",
  );
  return hasMethods && typeof Reflect.get(value, "contentType") === "string";
}

/** Prometheus offers several, by weight; whoever does not ask for OpenMetrics gets the older text. */
function asksForOpenMetrics(req: Request): boolean {
  return /\bapplication\/openmetrics-text\b/i.test(req.headers.accept ?? "");
}

function refuse(res: Response, status: 403 | 405, headers: Readonly<Record<string, string>> = {}): void {
  res.statusCode = status;
  for (const [name, value] of Object.entries(headers)) res.setHeader(name, value);
  res.setHeader("Cache-Control", "no-store");
  res.setHeader("Content-Type", "text/plain; charset=utf-8");
  res.end(status === 403 ? "Forbidden\n" : "Method Not Allowed\n");
}

function taken(): TenantCacheError {
  return new TenantCacheError(
    "ETC_OPTIONS",
    "metrics: the registry has the metrics of another cache: give each cache a registry of its own (setDefaultLabels tells them apart), and Registry.merge([...]) shows both",
  );
}

function uncalled(): TenantCacheError {
  return new TenantCacheError(
    "ETC_ARGUMENTS",
    'metricsHandler was given a request, because it was mounted without being called: write app.get("/metrics", cache.metricsHandler({ authorize }))',
  );
}
