// What a user tells the kit about the app that it verifies, and the defaults.
// Tests: test/integration/verify-routes.test.ts
import type { RequestListener } from "node:http";
import { TenantCacheError } from "../errors.js";
import type { TenantCache } from "../tenant-cache.js";

/** How to be a tenant. */
export interface VerifiedTenant {
  /** What authenticates a request as the tenant, for example `{ authorization: "Bearer …" }`. */
  readonly headers: Readonly<Record<string, string>>;
  /** Headers of the tenant's other users and roles: each must be answered with what its own view is. */
  readonly views?: readonly Readonly<Record<string, string>>[];
  /** What clients may call the tenant, beside the id that the cache has found: a slug, a sub-domain. */
  readonly names?: readonly string[];
}

/** A request that changes what its route answers. */
export interface Mutation {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  /** `:name` stands for one of the route's `params`. */
  readonly path: string;
  /** Sent as JSON, unless it is a string. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export type PathParams = Readonly<Record<string, string>>;

export interface VerifiedRoute {
  /** With its query; `:name` stands for one of `params`. */
  readonly path: string;
  /** Values for `:name`: one set, or one for each tenant. */
  readonly params?: PathParams | readonly [PathParams, PathParams];
  /**
   * Made as the first tenant, several times: where the same request changes nothing twice (PUT) or is refused
   * the second time (a unique name), give a function of the round.
   */
  readonly mutate?: Mutation | ((round: number) => Mutation);
  /**
   * Takes out of a body what differs in each answer (a time, a request id), so that the rest is compared.
   * Default: all bytes count.
   */
  readonly normalize?: (body: string) => string;
}

/** Takes the cache's store away and gives it back. */
export interface Outage {
  begin(): Promise<void>;
  end(): Promise<void>;
}

/**
 * - `hit`: the second request is answered from the cache
 * - `transparency`: a hit has the status, the bytes and the handler's headers of an answer without the cache
 * - `isolation`: each tenant gets its own answers, never the other's
 * - `no-tenant`: a request without a tenant is not answered from the cache
 * - `variation`: request headers and other users of the tenant that change the handler's answer are part of
 *   the key
 * - `authority`: what was made for one host and scheme is not served for another
 * - `claimed-tenant`: a request that names another tenant, in a header, the query, the body or the host,
 *   stays its own tenant's
 * - `mutation`: the read after a mutation is fresh, and the other tenant's entry is still a hit
 * - `race`: reads that were under way during a mutation leave nothing old
 * - `reads`: the modules that the handler was seen to read are those that its route depends on; where `cache.track` was called
 * - `abort`: clients that hang up leave nothing partial
 * - `concurrency`: cold requests of both tenants at once get their own answers
 * - `outage`: without the store, requests are answered, and nothing old is served after it
 */
export type CheckName =
  | "hit"
  | "transparency"
  | "isolation"
  | "no-tenant"
  | "variation"
  | "authority"
  | "claimed-tenant"
  | "mutation"
  | "race"
  | "reads"
  | "abort"
  | "concurrency"
  | "outage";

export interface VerifyOptions {
  /** An Express app, or any request listener: the kit serves it on a free port of the loopback interface. */
  readonly app: RequestListener;
  /** The cache that the app uses. Nobody else may use it meanwhile. */
  readonly cache: Pick<TenantCache, "events" | "idle" | "ready" | "invalidateTenantCache">;
  /** Two of them, which see different data. */
  readonly tenants: readonly [VerifiedTenant, VerifiedTenant];
  readonly routes: readonly VerifiedRoute[];
  /**
   * Headers, query parameters and fields of bodies in which a client may name a tenant, beside the usual
   * ones.
   */
  readonly claims?: readonly string[];
  /** Absent: what an outage does is not verified. */
  readonly outage?: Outage;
  /** Which checks are run. Default: all. */
  readonly checks?: readonly CheckName[];
  /** How long any request may take, milliseconds. Default 5,000. */
  readonly timeoutMs?: number;
}

export const DEFAULT_TIMEOUT_MS = 5000;

/** Which of the two tenants. */
export type TenantIndex = 0 | 1;

/** @throws TenantCacheError `ETC_OPTIONS` where a path names a parameter that is not given */
export function fillPath(path: string, params: VerifiedRoute["params"], tenant: TenantIndex): string {
  const [pathname = "", ...query] = path.split("?");
  const values = isPair(params) ? params[tenant] : params;
  const filled = pathname.replace(/:([A-Za-z_]\w*)/g, (_whole, name: string) => {
    const value = values?.[name];
    if (value === undefined) {
      throw new TenantCacheError(
        "ETC_OPTIONS",
        `verifyRoutes: ${path}: give the route params: { ${name}: "…" }`,
      );
    }
    return encodeURIComponent(value);
  });
  return [filled, ...query].join("?");
}

function isPair(params: VerifiedRoute["params"]): params is readonly [PathParams, PathParams] {
  return Array.isArray(params);
}
