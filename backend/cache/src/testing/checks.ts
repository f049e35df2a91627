// The checks by name, in the order in which they run on each route.
import { checkAborts } from "./check-aborts.js";
import { checkAuthority } from "./check-authority.js";
import { checkClaimedTenant } from "./check-claims.js";
import { checkConcurrency } from "./check-concurrency.js";
import { checkIsolation, checkNoTenant } from "./check-isolation.js";
import { checkMutation, checkRace } from "./check-mutation.js";
import { checkOutage } from "./check-outage.js";
import { checkHit, checkTransparency } from "./check-transparency.js";
import { checkVariation } from "./check-variation.js";
import type { RouteProbe } from "./route-probe.js";

/** Resolves with what it has seen; rejects with what is wrong. */
export type Check = (probe: RouteProbe) => Promise<string>;

/**
 * - `hit`: the second request is answered from the cache
 * - `transparency`: a hit has the status, the bytes and the handler's headers of an answer without the cache
 * - `isolation`: each tenant gets its own answers, never the other's
 * - `no-tenant`: a request without a tenant is not answered from the cache
 * - `variation`: request headers and other users of the tenant that change the handler's answer are part of the key
 * - `authority`: what was made for one host and scheme is not served for another
 * - `claimed-tenant`: a request that names another tenant, in a header, the query, the body or the host, stays its own tenant's
 * - `mutation`: the read after a mutation is fresh, and the other tenant's entry is still a hit
 * - `race`: reads that were under way during a mutation leave nothing old
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
  | "abort"
  | "concurrency"
  | "outage";

export interface NamedCheck {
  readonly name: CheckName;
  readonly run: Check;
  /** What the user must have given for it. */
  readonly needs?: "mutate" | "outage";
}

export const CHECKS: readonly NamedCheck[] = [
  { name: "hit", run: checkHit },
  { name: "transparency", run: checkTransparency },
  { name: "isolation", run: checkIsolation },
  { name: "no-tenant", run: checkNoTenant },
  { name: "variation", run: checkVariation },
  { name: "authority", run: checkAuthority },
  { name: "claimed-tenant", run: checkClaimedTenant },
  { name: "mutation", run: checkMutation, needs: "mutate" },
  { name: "race", run: checkRace, needs: "mutate" },
  { name: "abort", run: checkAborts },
  { name: "concurrency", run: checkConcurrency },
  { name: "outage", run: checkOutage, needs: "outage" },
];
