// What a fill asks of a store, and what it is told: its start, its lease, and what becomes of the entry.
// Tests: test/contract/memory-store.test.ts, test/contract/redis-store.test.ts

/**
 * `leading`: we hold it. `waiting`: another process is filling the same entry. `skipped`: the entry is known
 * not to be storable.
 */
export type LeaseState = "leading" | "waiting" | "skipped" | "none";

export interface FillRequest {
  readonly entryKey: string;
  readonly fenceKeys: readonly string[];
  readonly fenceTtlMs: number;
  /** Absent: no lease is taken. */
  readonly lease?: LeaseRequest;
  /** Present where {@link Store.feed} is used: a key that is read with the fences or before them, and never made. */
  readonly tokenKey?: string;
  /** Which of the fences count is known only later, so that nothing is refused for one of them. */
  readonly readsLater?: boolean;
}

export interface HeldLease {
  readonly key: string;
  /** Unguessable, one per fill. */
  readonly holder: string;
}

export interface LeaseRequest extends HeldLease {
  readonly ttlMs: number;
  /**
   * No lease is taken where an entry with the current fences is there, because the request may turn out to be
   * a hit. A store that cannot tell (the entry is encrypted) takes it.
   */
  readonly unlessStored?: boolean;
}

/** What a fill may rely on: the fences that were current before its handler began. */
export interface FillStart {
  readonly fences: readonly string[];
  readonly runId: string;
  /** What another fill may have stored since the read that missed. */
  readonly entry: Buffer | null;
  readonly lease: LeaseState;
  /** The store's clock, milliseconds since the epoch. */
  readonly nowMs: number;
  /** What {@link FillRequest.tokenKey} holds. Absent: nothing. */
  readonly token?: string | null;
  /** False: other answers may be older than what the request has to see, so that it follows none. Default true. */
  readonly mayFollow?: boolean;
  /** Present: why nothing that begins now is stored. */
  readonly unstorable?: "uncovered";
}

export interface FillCommit {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  /** In pieces that follow each other. */
  readonly value: readonly Buffer[];
  readonly ttlMs: number;
  /** Bounds the entries of this tenant and module: the one that expires soonest makes room. */
  readonly maxEntries: number;
  /**
   * Bounds the bytes of all entries of this tenant, as the store counts them: no less than their values. The
   * tenant's own entries make room, never another's. Absent: unbounded.
   */
  readonly maxTenantBytes?: number;
  /**
   * Compared with the current fences; the entry is written only if all are equal. The first two are the
   * tenant's and the module's.
   */
  readonly fenceKeys: readonly string[];
  readonly fences: readonly string[];
  /** What the fences live at least from now on; one that lives longer keeps that. */
  readonly fenceTtlMs: number;
  readonly lease?: HeldLease;
  /** Present: the entry is written only over this very value, or, with `null`, only where there is none. */
  readonly expected?: Buffer | null;
}

/**
 * - `stored`
 * - `fenced`: a mutation had overtaken the fill, or another value than the expected one was there
 * - `too-large`: larger than `maxTenantBytes`. The lease is still held, so that its holder can turn it into
 *   the word that nobody should wait for this entry
 * - `no-room`: not enough could be removed in one step
 */
export type CommitOutcome = "stored" | "fenced" | "too-large" | "no-room";

export interface CommitResult {
  readonly outcome: CommitOutcome;
  /** Entries of the tenant that were valid still, and have made room because of `maxTenantBytes`. */
  readonly evicted: number;
  /**
   * The store has lost count of the tenant's bytes: a walk with {@link SweepTarget.adopt} puts that right.
   * Default false.
   */
  readonly recount?: boolean;
}
