// Who invalidates: of which kind it is, and as much of it as is known where it is done.
// Tests: test/unit/causes.test.ts

/**
 * - `route`: `invalidateCache` or `routes`; `touched`: an ORM's hook or the like; `job`: in `asTenant`
 * - `call`: `invalidateTenantCache` and its like; `forget`: of a URL; `clear`: of all tenants
 * - `operator`: a purge by the console, the command line, or what `because` says is one
 * - `feed`: a change in the database that the feed has found
 * - `recovery`: what waited for the store. Whose each was, nobody knows any more
 */
export const CAUSE_KINDS = [
  "route",
  "touched",
  "job",
  "call",
  "forget",
  "clear",
  "operator",
  "recovery",
  "feed",
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

export const INVALIDATION_SCOPES = [
  "modules",
  "tenant",
  "tags",
  "url",
  "module-everywhere",
  "everything",
] as const;

/**
 * How much an invalidation is asked to reach. `modules`, `tags`, `tenant` and `url`: of one tenant; `module-everywhere` and `everything`:
 * of all tenants.
 */
export type InvalidationScope = (typeof INVALIDATION_SCOPES)[number];

/** Who does something, as far as it is known where it is done. */
export interface Origin {
  readonly kind: CauseKind;
  /** A route's method and pattern, a job, a call. */
  readonly name?: string | undefined;
  /** Pseudonymous. */
  readonly actor?: string | undefined;
  readonly requestId?: string | undefined;
  /** As an operator has given it. */
  readonly reason?: string | undefined;
}
