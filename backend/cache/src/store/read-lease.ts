// What a store offers that lets processes answer from memory without asking it, and stay strictly fresh.
// Tests: test/integration/leased-reads.test.ts

/** A process's right to believe what it has read of fences: see docs/internals/leased-freshness.md. */
export interface ReadLease {
  /**
   * Readings of fences that were sent at this time or later still hold, but for those that were named since; `Infinity` where no
   * lease is held. Asking for it keeps the lease.
   *
   * @param nowMs of the monotonic clock
   */
  heldSince(nowMs: number): number;
}

/** Told before the store acknowledges a change of fences for this process. */
export type ForgetFences = (fenceKeys: readonly string[]) => void;

/** How long a lease is from the moment at which whoever holds it has asked for it, milliseconds. */
export const READ_LEASE_MS = 100;
