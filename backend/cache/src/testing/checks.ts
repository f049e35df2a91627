// The checks by name, in the order in which they run on each route.
// Tests: test/integration/verify-routes.test.ts
import { checkAborts } from "./check-aborts.js";
import { checkAuthority } from "./check-authority.js";
import { checkClaimedTenant } from "./check-claims.js";
import { checkConcurrency } from "./check-concurrency.js";
import { checkIsolation, checkNoTenant } from "./check-isolation.js";
import { checkMutation, checkRace } from "./check-mutation.js";
import { checkOutage } from "./check-outage.js";
import { checkReads } from "./check-reads.js";
import { checkHit, checkTransparency } from "./check-transparency.js";
import { checkVariation } from "./check-variation.js";
import type { CheckName } from "./options.js";
import type { RouteProbe } from "./route-probe.js";

/** Resolves with what it has seen; rejects with what is wrong. */
export type Check = (probe: RouteProbe) => Promise<string>;

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
  { name: "reads", run: checkReads },
  { name: "abort", run: checkAborts },
  { name: "concurrency", run: checkConcurrency },
  { name: "outage", run: checkOutage, needs: "outage" },
];
