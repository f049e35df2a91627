// The optional peers, loaded where something needs them: by a `require` in a `try`, which bundlers follow, and leave alone where it leads nowhere.
// Tests: test/package/bundlers.test.ts
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Cluster, Redis, SentinelConnector } from "ioredis";
import { TenantCacheError } from "./errors.js";

/** @internal */
export interface IoRedisModule {
  readonly SentinelConnector: typeof SentinelConnector;
  readonly Redis: typeof Redis;
  readonly Cluster: typeof Cluster;
}

/** What `light-my-request` exports: hands a request that it makes to `dispatch`. */
export type LightMyRequest = (
  dispatch: (req: IncomingMessage, res: ServerResponse) => void,
  options: {
    readonly method: "GET";
    readonly url: string;
    readonly payload?: string;
    readonly remoteAddress?: string;
  },
) => Promise<{ readonly statusCode: number }>;

/**
 * @throws TenantCacheError `ETC_REDIS_MISSING` where it cannot be loaded
 * @internal
 */
export function loadIoRedis(): IoRedisModule {
  try {
    return require("ioredis") as IoRedisModule;
  } catch (cause) {
    const advice =
      "the redis option needs ioredis: npm install ioredis; in a bundle that lacks it, pass a client: redis: new Redis(url)";
    throw new TenantCacheError("ETC_REDIS_MISSING", advice, { cause });
  }
}

/**
 * @param why what needs it, for the advice
 * @param given the package, where the user has loaded it
 * @throws TenantCacheError `ETC_LIGHT_MY_REQUEST` where it cannot be loaded
 */
export function loadLightMyRequest(why: string, given: LightMyRequest | undefined): LightMyRequest {
  if (given !== undefined) return given;
  try {
    return require("light-my-request") as LightMyRequest;
  } catch (cause) {
    const advice = `${why} through light-my-request: npm install light-my-request (on Node 20: light-my-request@6.6); in a bundle that lacks it, pass it: inject: require("light-my-request")`;
    throw new TenantCacheError("ETC_LIGHT_MY_REQUEST", advice, { cause });
  }
}

/** What `libpg-query` exports, as far as it is used. */
export interface Grammar {
  loadModule(): Promise<void>;
  parseSync(text: string): { readonly stmts?: readonly { readonly stmt?: unknown }[] };
}

/**
 * @throws TenantCacheError `ETC_LIBPG_QUERY` where it cannot be loaded
 * @internal
 */
export function loadGrammar(): Grammar {
  try {
    return require("libpg-query") as Grammar;
  } catch (cause) {
    const advice =
      "track: statements are read by PostgreSQL's own grammar, which is in libpg-query: npm install libpg-query";
    throw new TenantCacheError("ETC_LIBPG_QUERY", advice, { cause });
  }
}

/** What `prom-client` exports, as far as it is used. */
export interface PromClient {
  readonly Registry: {
    readonly PROMETHEUS_CONTENT_TYPE: string;
    readonly OPENMETRICS_CONTENT_TYPE: string;
    new (
      contentType: string,
    ): {
      readonly contentType: string;
      metrics(): Promise<string>;
      registerMetric(metric: object): void;
      getSingleMetric(name: string): unknown;
    };
  };
}

/**
 * @throws TenantCacheError `ETC_PROM_CLIENT` where it cannot be loaded
 * @internal
 */
export function loadPromClient(): PromClient {
  try {
    return require("prom-client") as PromClient;
  } catch (cause) {
    const advice =
      "metrics are written by prom-client: npm install prom-client; in a bundle that lacks it, pass a registry of it: metricsHandler({ authorize, registry: client.register })";
    throw new TenantCacheError("ETC_PROM_CLIENT", advice, { cause });
  }
}

export type Attributes = Record<string, string | number | boolean | undefined>;

/** The part of OpenTelemetry's interfaces that is used: types of that package are not to be needed. */
export interface Span {
  setAttribute(name: string, value: string | number | boolean): unknown;
  setStatus(status: { readonly code: number }): unknown;
  end(): void;
}
export interface SpanOptions {
  readonly kind: number;
  readonly startTime?: number;
  readonly attributes: Attributes;
}
export type Observable = object;
export interface ObservableResult {
  observe(metric: Observable, value: number, attributes: Attributes): void;
}
export interface InstrumentOptions {
  readonly description: string;
  readonly unit?: string;
  readonly advice?: { readonly explicitBucketBoundaries: number[] };
}

export interface TelemetryOptions {
  /** Default: that of the global provider. */
  readonly tracer?: { startSpan(name: string, options: SpanOptions): Span } | undefined;
  /** Default: that of the global provider. */
  readonly meter?:
    | {
        createObservableCounter(name: string, options: InstrumentOptions): Observable;
        createObservableGauge(name: string, options: InstrumentOptions): Observable;
        createHistogram(name: string, options: InstrumentOptions): { record(value: number): void };
        addBatchObservableCallback(read: (result: ObservableResult) => void, of: Observable[]): void;
      }
    | undefined;
}

/** What `@opentelemetry/api` exports, as far as it is used. */
export interface OpenTelemetry {
  readonly SpanKind: { readonly INTERNAL: number; readonly CLIENT: number };
  readonly SpanStatusCode: { readonly ERROR: number };
  readonly context: { active(): object; with<T>(context: object, work: () => T): T };
  readonly trace: {
    getTracer(name: string): NonNullable<TelemetryOptions["tracer"]>;
    setSpan(context: object, span: Span): object;
  };
  readonly metrics: { getMeter(name: string): NonNullable<TelemetryOptions["meter"]> };
}

/**
 * @throws TenantCacheError `ETC_OPENTELEMETRY` where it cannot be loaded
 * @internal
 */
export function loadOpenTelemetry(): OpenTelemetry {
  try {
    return require("@opentelemetry/api") as OpenTelemetry;
  } catch (cause) {
    const advice =
      "the telemetry option needs @opentelemetry/api: npm install @opentelemetry/api, or leave it out";
    throw new TenantCacheError("ETC_OPENTELEMETRY", advice, { cause });
  }
}
