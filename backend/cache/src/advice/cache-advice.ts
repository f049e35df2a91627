// What `cache.advice()` returns: figures and suggestions for each route, memory for each tenant, and what the sample costs.
import type { CurvePoint } from "./distance-curve.js";
import type { RouteKind } from "./route-figures.js";

/** Hit ratio and savings at a TTL. */
export interface TtlForecast {
  readonly ttlSeconds: number;
  /** Between 0 and 1. */
  readonly hitRatio: number;
  /** Time that handlers need not run, seconds in an hour. */
  readonly handlerSecondsSavedPerHour: number;
  /** `null` where the app does not tell of queries: the option `advice.queries`. */
  readonly queriesSavedPerHour: number | null;
}

/**
 * - `scope-missing`: answers under one key differ with the caller
 * - `vary-missing`: answers under one key alternate, without an invalidation between them
 * - `differs-each-time`: no two answers under one key are equal
 * - `unseen-writes`: answers change without an invalidation in this process
 * - `mostly-unstorable`: most answers may not be stored
 */
export type AdviceWarningCode =
  | "scope-missing"
  | "vary-missing"
  | "differs-each-time"
  | "unseen-writes"
  | "mostly-unstorable";

export interface AdviceWarning {
  readonly code: AdviceWarningCode;
  /** For people; may change. */
  readonly text: string;
}

export interface RouteAdvice {
  readonly module: string;
  /** As the app mounted it: "/accounts/:id"; `null` where nobody knows. */
  readonly path: string | null;
  readonly kind: RouteKind;
  /** How many requests this is worked out from. */
  readonly requests: number;
  readonly requestsPerHour: number;
  /** Mean; `null` before the first answer. */
  readonly handlerMs: number | null;
  /** Mean of bodies; `null` where no length is known. */
  readonly bodyBytes: number | null;
  /** `null` before the first request. */
  readonly present: TtlForecast | null;
  /** The shortest TTL that brings within one point of the most. */
  readonly suggested: TtlForecast | null;
  /** From the shortest TTL to the longest. */
  readonly ttls: readonly TtlForecast[];
  /** Of the module, in this process. */
  readonly invalidationsPerHour: number;
  /** Share of the requests that miss because of an invalidation, between 0 and 1. */
  readonly cutOffRatio: number;
  /**
   * Where most refills behind an invalidation bring what was there before: what tags to name, as code.
   */
  readonly suggestedTags: string | null;
  /** `"tenant"` where scopes get equal answers. */
  readonly suggestedScope: "tenant" | null;
  /** Why answers could not be stored, and how often. */
  readonly unstorable: Readonly<Record<string, number>>;
  readonly warnings: readonly AdviceWarning[];
}

export interface TenantAdvice {
  /** `null`: all that are not told apart. */
  readonly tenant: string | null;
  readonly requests: number;
  /** Share of the keys that are sampled, between 0 and 1. */
  readonly samplingRate: number;
  /** What all entries that were asked for would take. */
  readonly workingSetBytes: number;
  /** What one tenant may hold now; `null` where that is not bounded. */
  readonly boundBytes: number | null;
  /** Hit ratio with half of that, with that, and with twice that; the same where there is no bound. */
  readonly atHalf: number;
  readonly atBound: number;
  readonly atTwice: number;
  /** Hit ratio by memory, where it rises; 1 - ratio is the miss-ratio curve. */
  readonly curve: readonly CurvePoint[];
}

export interface CacheAdvice {
  /** False with `advice: { enabled: false }`: nothing is known. */
  readonly enabled: boolean;
  readonly since: string;
  readonly seconds: number;
  readonly routes: readonly RouteAdvice[];
  /** The busiest first, those that are not told apart last. */
  readonly tenants: readonly TenantAdvice[];
  readonly cost: {
    /** What the sample takes. */
    readonly bytes: number;
    /** Of one core, since it began; an estimate. */
    readonly cpuRatio: number;
    readonly sampledKeys: number;
  };
}
