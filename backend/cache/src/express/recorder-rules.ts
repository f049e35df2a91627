// What a route, and the request that missed, tell the recorder.
// Tests: test/integration/storing.test.ts
import type { CacheStatus, Forwarded, UnstoredReason } from "../cache-status.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { HandlerReads } from "../reads/handler-reads.js";
import type { HttpServices } from "./http-services.js";
import type { OwnHeaders } from "./own-headers.js";
import type { RouteFunctions } from "./route-functions.js";
import type { StorabilityRules } from "./storability.js";

/** The same for all requests of a route. */
export interface RecordedRoute extends StorabilityRules {
  /** How long an entry is kept after it has become stale. */
  readonly maxStaleSeconds: number;
  /** Which headers the cache may add. */
  readonly own: OwnHeaders;
  readonly functions: RouteFunctions;
  readonly onUndeclaredVary: (names: string) => void;
}

export interface RecorderRules {
  readonly route: RecordedRoute;
  /** Why the request is not answered from an entry. */
  readonly fwd: Forwarded;
  /** Present where the answer is handed to other requests, and not stored: what it says then. */
  readonly status: CacheStatus | undefined;
  /** What the handler reads, where its route does not say it. */
  readonly reads?: Pick<HandlerReads, "conclude"> | undefined;
  /** Who asks, where the route does not say whose its answers are. */
  readonly caller: string | undefined;
  /** Told of each answer of a fill whether it leaves before it is known what becomes of it. */
  readonly onHead: (isStreamed: boolean) => void;
  /** Told why an answer that might have been stored is not. */
  readonly onUnstored: (why: UnstoredReason) => void;
  /**
   * Answers in the handler's stead where that fails (RFC 5861 section 4), and tells whether it has; absent
   * where nothing may.
   */
  readonly insteadOfError: (() => boolean) | undefined;
}

/** What a route says of answers that may be stored. */
export function storabilityRules(
  { options, engine }: HttpServices,
  route: ParsedRouteOptions,
  functions: RouteFunctions,
  storesPrivate: boolean,
): StorabilityRules {
  const { statuses, vary, maxBodyBytes = options.maxBodyBytes } = route;
  return {
    statuses,
    vary: vary.map((name) => name.toLowerCase()),
    ttlSeconds: functions.maxTtlSeconds,
    storesPrivate,
    // A body that is larger than the tenant's share of the store is refused at its head, before anybody waits
    // for it.
    maxBodyBytes: Math.min(maxBodyBytes, engine.maxTenantBytes),
  };
}
