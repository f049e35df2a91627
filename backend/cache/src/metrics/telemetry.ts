// Spans and metrics for OpenTelemetry. Made only with the option `telemetry`: without it none of this runs.
// Tests: test/integration/telemetry.test.ts
import { AsyncLocalStorage } from "node:async_hooks";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { CacheEngine } from "../engine/cache-engine.js";
import { BUCKET_SECONDS, type Moment, microsSince } from "../engine/latencies.js";
import type { Attributes, Observable, OpenTelemetry, Span, SpanOptions, TelemetryOptions } from "../peers.js";
import { loadOpenTelemetry } from "../peers.js";
import { routeTemplate } from "../route-pattern.js";
import type { Store } from "../store/store.js";
import { FIGURES, HISTOGRAMS } from "./figures.js";
import type { MetricsViews } from "./metrics-view.js";
import { tracedStore } from "./traced-store.js";

const NAME = "express-tenant-cache";

/** Where a tracer has made none: requests and invalidations go on as without telemetry. */
const NO_SPAN: Span = { setAttribute: () => undefined, setStatus: () => undefined, end: () => undefined };

/** A request, while its span is open. */
interface Traced {
  readonly span: Span;
  result?: string;
}

export class Telemetry {
  readonly #api: OpenTelemetry;
  readonly #tracer: NonNullable<TelemetryOptions["tracer"]>;
  readonly #meter: NonNullable<TelemetryOptions["meter"]>;
  readonly #requests = new AsyncLocalStorage<Traced>();

  /** @throws TenantCacheError `ETC_OPENTELEMETRY` where the package cannot be loaded */
  constructor(options: TelemetryOptions) {
    this.#api = loadOpenTelemetry();
    this.#tracer = options.tracer ?? this.#api.trace.getTracer(NAME);
    this.#meter = options.meter ?? this.#api.metrics.getMeter(NAME);
  }

  /** A span for each operation that requests and what is behind them ask of the store. */
  trace(store: Store): Store {
    return tracedStore(store, (name, attributes, work) => {
      const span = this.#start(name, { kind: this.#api.SpanKind.CLIENT, attributes });
      return this.#within(span, work);
    });
  }

  /** A span of a request on a cached route, which ends with its answer; what `work` begins is below it. */
  request(module: string, req: IncomingMessage, res: ServerResponse, work: () => void): void {
    const span = this.#start(`cache ${module}`, {
      kind: this.#api.SpanKind.INTERNAL,
      attributes: { ...httpAttributes(req), "etc.module": module },
    });
    const traced: Traced = { span };
    let isOpen = true;
    const end = () => {
      if (!isOpen) return;
      isOpen = false;
      span.setAttribute("http.response.status_code", res.statusCode);
      if (traced.result !== undefined) span.setAttribute("etc.result", traced.result);
      if (res.statusCode >= 500) span.setStatus({ code: this.#api.SpanStatusCode.ERROR });
      span.end();
    };
    res.once("finish", end);
    res.once("close", end);
    this.#requests.run(traced, () => this.#below(span, work));
  }

  /** What became of the request that this code runs for. */
  decided(result: string, detail?: string): void {
    const traced = this.#requests.getStore();
    if (!traced) return;
    traced.result = result;
    if (detail !== undefined) traced.span.setAttribute("etc.detail", detail);
  }

  /** The span of a hit that the lane has answered already. */
  laneHit(module: string, req: IncomingMessage, res: ServerResponse, begun: Moment): void {
    const span = this.#start(`cache ${module}`, {
      kind: this.#api.SpanKind.INTERNAL,
      startTime: Date.now() - microsSince(begun) / 1000,
      attributes: {
        ...httpAttributes(req),
        "http.response.status_code": res.statusCode,
        "etc.module": module,
        "etc.result": "hit",
        "etc.lane": true,
      },
    });
    span.end();
  }

  /** A span around the replacing of fences; `work` resolves with whether the store has confirmed. */
  async invalidation(fences: number, work: () => Promise<boolean>): Promise<boolean> {
    const attributes = { "etc.fences": fences };
    const span = this.#start("cache invalidate", { kind: this.#api.SpanKind.INTERNAL, attributes });
    return this.#within(span, async () => {
      const confirmed = await work();
      span.setAttribute("etc.confirmed", confirmed);
      return confirmed;
    });
  }

  /** Has the meter ask for every figure, and tells it of every duration, from now on. */
  observe(engine: CacheEngine, views: MetricsViews): void {
    const meter = this.#meter;
    const observables = FIGURES.map((figure) => {
      const options = { description: figure.help, ...unitOf(figure.name) };
      const name = otelName(figure.name);
      const made =
        figure.kind === "counter"
          ? meter.createObservableCounter(name, options)
          : meter.createObservableGauge(name, options);
      return [figure, made] as const;
    });
    meter.addBatchObservableCallback(
      (result) => {
        const view = views.now();
        for (const [figure, observable] of observables)
          for (const { labels, value } of figure.read(view))
            result.observe(observable, value, attributesOf(labels));
      },
      observables.map(([, observable]): Observable => observable),
    );
    const durations = HISTOGRAMS.map(({ name, help, timed }) => {
      const advice = { explicitBucketBoundaries: [...BUCKET_SECONDS] };
      return [
        timed,
        meter.createHistogram(otelName(name), { description: help, unit: "s", advice }),
      ] as const;
    });
    const histograms = new Map(durations);
    engine.counters.latencies.switchOn((timed, seconds) =>
      silently(() => histograms.get(timed)?.record(seconds)),
    );
  }

  /** A tracer or a processor of spans that throws must not keep an invalidation from its work. */
  #start(name: string, options: SpanOptions): Span {
    try {
      return quietly(this.#tracer.startSpan(name, options));
    } catch {
      return NO_SPAN;
    }
  }

  #below<T>(span: Span, work: () => T): T {
    const { context, trace } = this.#api;
    const real = realSpans.get(span);
    return real ? context.with(trace.setSpan(context.active(), real), work) : work();
  }

  async #within<T>(span: Span, work: () => Promise<T>): Promise<T> {
    const { SpanStatusCode } = this.#api;
    try {
      return await this.#below(span, work);
    } catch (error) {
      span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  }
}

const realSpans = new WeakMap<Span, Span>();

/** The span, for what is done behind an answer and must go on where that throws. */
function quietly(real: Span): Span {
  const span: Span = {
    setAttribute: (name, value) => silently(() => real.setAttribute(name, value)),
    setStatus: (status) => silently(() => real.setStatus(status)),
    end: () => silently(() => real.end()),
  };
  realSpans.set(span, real);
  return span;
}

function silently(work: () => unknown): void {
  try {
    work();
  } catch {
    // What watches the cache is not what it is there for.
  }
}

/** `etc_hit_duration_seconds` is `etc.hit_duration` in `s`. */
export function otelName(name: string): string {
  return name
    .replace(/^etc_/, "etc.")
    .replace(/_total$/, "")
    .replace(/_(?:seconds|bytes)$/, "");
}

function unitOf(name: string): { readonly unit?: string } {
  if (name.endsWith("_seconds")) return { unit: "s" };
  return name.endsWith("_bytes") ? { unit: "By" } : {};
}

function attributesOf(labels: Readonly<Record<string, string>>): Attributes {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [`etc.${name}`, value]));
}

/** By the semantic conventions for HTTP servers; without a template there is no route: a path names records. */
function httpAttributes(req: IncomingMessage): Attributes {
  const template = routeTemplate(req);
  return {
    "http.request.method": req.method ?? "GET",
    ...(template !== undefined && { "http.route": template }),
  };
}
