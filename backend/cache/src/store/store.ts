// The Store contract: what the engine asks of Redis, of the process's own memory, or of a store that a user brings.

import type { CauseNote, CauseQuery, Peek, PeekRequest, StoredCause } from "./cause-log.js";
import type { EntryPage, ListRequest } from "./entry-page.js";
import type { FeedPlace } from "./feed-place.js";
import type { CommitResult, FillCommit, FillRequest, FillStart, HeldLease } from "./fill-terms.js";
import type { KeySpace } from "./key-space.js";
import type { KeyedStore } from "./keyed-store.js";
import type { ForgetFences, ReadLease } from "./read-lease.js";
import type { SharedNotes } from "./shared-notes.js";
import type { SharingTerms } from "./sharing-terms.js";
import type { Inventory, InventoryFilter, ServerReport } from "./store-report.js";

export type {
  CommitOutcome,
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  HeldLease,
  LeaseRequest,
  LeaseState,
} from "./fill-terms.js";

/** What one round trip reads: the bytes of entries and the fences that must match them. */
export interface Snapshot {
  /**
   * In the order of the keys asked for; `null` where the fence is missing. Their format is that of `fences`,
   * which the library exports.
   */
  readonly fences: readonly (string | null)[];
  /** In the order of the keys asked for; `null` where there is none. */
  readonly entries: readonly (Buffer | null)[];
  /**
   * Identifies the server process that answered: its successor, or a promoted replica, has another one.
   * Entries carry it beside their fences, so it is written in the same characters.
   */
  readonly runId: string;
}

/**
 * What a sweep reclaims: the entries that the fences of this module, or of the whole tenant, have cut off.
 */
export interface SweepTarget {
  readonly tenant: string;
  readonly module?: string;
  /** Nothing has been cut off: what the store does not know to be there is counted again, and not removed. */
  readonly adopt?: boolean;
}

export interface StoreListener {
  /** The connection works and the server is known: operations may be sent. */
  up(): void;
  /**
   * Operations would fail. Called again whenever more is known of the reason, which goes into the log and
   * must name no key.
   *
   * @param reason absent where only the connection is known to have gone: what the next attempt meets says
   *   why
   */
  down(reason?: string): void;
  /** The store can be used, and the operator should know this: it is logged once. */
  notice?(notice: string): void;
}

/**
 * A place for entries and fences. Every method rejects when the place cannot be reached; none retries, none
 * waits for a connection: deadlines and the circuit are the engine's (`engine/store-gate.ts`). Errors of
 * `store-errors.ts` say whom a failure concerns; any other is the whole store's. Every implementation passes
 * `storeContract` of `express-tenant-cache/testing/store`.
 *
 * A simple store may leave out {@link keyed}, {@link sweep}, {@link tenantBytes} and {@link readCauses}. What
 * the cache does then is said there.
 */
export interface Store {
  /** Names the store in `stats()` and `health()`. Nothing is decided by it. */
  readonly kind: string;
  /**
   * Single keys, counters and locks. Absent where the store has none: `cache.manager` then refuses to be
   * used.
   */
  readonly keyed?: KeyedStore;
  /** What one process does for all, where there are several. Absent: each does it for itself. */
  readonly notes?: SharedNotes;
  /** A place for the feed. Absent where there is none: `createTenantCache({ feed })` then refuses. */
  feed?(keys: KeySpace): FeedPlace;
  /**
   * Connections that were tried since the last one was lost; 0 while connected. Absent where there is nothing
   * to connect to.
   */
  readonly reconnectAttempts?: number;
  /**
   * True where there is nothing to connect to: the store is in use from the first moment on. Default false.
   */
  readonly isInProcess?: boolean;
  /**
   * True where this process alone sees what is stored, so that mutations of other processes do not reach it.
   * The cache warns where it finds itself to be one of several. Default false.
   */
  readonly isPrivate?: boolean;
  /**
   * True where entries are in this process's memory: the cache keeps no decoded copies beside the store.
   * Default false.
   */
  readonly holdsInMemory?: boolean;
  /** Called once, before the store is used, where options say how tenants share it; absent: those are refused. */
  share?(terms: SharingTerms): void;
  /** Resolves when what it does behind its answers is done. */
  idle?(): Promise<void>;
  /** Called once; reports the present state at once and every change after it. */
  listen(listener: StoreListener): void;
  /**
   * Tries all that requests need: what they would be refused, this is refused. Leaves nothing behind.
   * @throws StoreFull where only room is missing
   */
  ping(): Promise<void>;
  /**
   * Called when the store answers again after it had been silent: whether it is still the right one to ask.
   * True where it has begun to connect anew, which it reports as down and up; false where there is nothing to
   * find out.
   */
  renew?(): boolean;
  /**
   * Reads fences and entries as they are at one moment. The keys must be of one group: see {@link groupOf}.
   *
   * @param onLoan whether entries may be in memory that the store uses again once it is
   *   {@link giveBack given back}. Default false
   */
  read(fenceKeys: readonly string[], entryKeys: readonly string[], onLoan?: boolean): Promise<Snapshot>;
  /**
   * Gives back what {@link read} has lent: whoever calls this must have been the only reader, and nothing may
   * look at these bytes again. What was not lent, or was given back before, stays as it is. Absent where
   * nothing is ever lent.
   */
  giveBack?(entry: Buffer): void;
  /** Names the group of keys that one round trip can read together: all of them, or a Cluster slot. */
  groupOf(key: string): string;
  /**
   * Called with true where a group's fences could not be replaced: its keys are then neither read nor filled,
   * until it is called with false. Absent where no operation rejects with {@link GroupUnavailable}.
   */
  suspend?(group: string, isSuspended: boolean): void;
  /** Reads fences and entry, creates the missing fences, and takes the lease where asked for, as one step. */
  beginFill(request: FillRequest): Promise<FillStart>;
  /**
   * Writes the entry if the fences are still the same and the bounds allow it, as one step; gives the lease
   * back, but for `too-large`.
   */
  commitFill(commit: FillCommit): Promise<CommitResult>;
  /**
   * Gives the lease back; `skipMs` above 0 tells other processes for so long that the entry is not storable.
   */
  abandonFill(lease: HeldLease, skipMs: number): Promise<void>;
  /**
   * Gives every fence a new token, in one round trip. Pending writers of a fence stay pending.
   *
   * @param cause kept in the same step by a store that has {@link readCauses}. What goes wrong with it fails nothing
   * @param mark becomes a part of each token: letters, digits, `@`, `-` and `_`. A store may leave it out
   */
  replaceFences(
    fenceKeys: readonly string[],
    fenceTtlMs: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void>;
  /**
   * Has this process hold read leases while they are asked for; `undefined` where the store cannot give any. Called once.
   * Absent where it never can.
   *
   * @param forget is told what other processes have changed, before they are told that it was forgotten
   */
  leaseReads?(forget: ForgetFences): ReadLease | undefined;
  /**
   * Called when a change of fences has been confirmed: resolves when no process answers from what it knew before; at once where that is so.
   * Absent where the store gives no leases.
   *
   * @param lostAtMs where it could not be confirmed: when the store was lost, of the monotonic clock. Leases from before end a while later
   */
  untilForgotten?(lostAtMs?: number): Promise<void> | undefined;
  /**
   * Marks fences as pending for a writer until `deadlineMs` from now; see `invalidateCache({ guard: true })`.
   */
  beginWrite(fenceKeys: readonly string[], writer: string, deadlineMs: number): Promise<void>;
  /** Takes the writer's marks away and gives every fence a new token. */
  endWrite(
    fenceKeys: readonly string[],
    writer: string,
    fenceTtlMs: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void>;
  remove(key: string): Promise<void>;
  /**
   * Reclaims what the store knows to be cut off; resolves with the number of keys removed, or with
   * `undefined` where another process is sweeping: ask again later. Slow, paced, never awaited by a request.
   * Absent where the store gets rid of such entries by their TTL alone.
   *
   * @param isAwaited whether anybody waits for its end by now: it may then take more of the server's time
   * @param onLost told of places where what listed the entries was lost: only {@link sweepKeyspace} finds them
   */
  sweep?(
    targets: readonly SweepTarget[],
    isAwaited?: () => boolean,
    onLost?: (target: SweepTarget) => void,
  ): Promise<number | undefined>;
  /**
   * Like {@link sweep}, by a walk through all keys: also finds what nothing lists. Rare: it follows where
   * something was lost, or a whole tenant was invalidated, and resolves with `undefined` as well where a walk has
   * ended lately and nobody waits for this one. Absent where {@link sweep} finds everything, and where that is
   * absent.
   */
  sweepKeyspace?(targets: readonly SweepTarget[], isAwaited?: () => boolean): Promise<number | undefined>;
  /**
   * Writes `mark` behind each fence that is there, and keeps it otherwise. One that would be longer than `most` characters, or that has
   * a guarded write under way, is replaced instead. Absent: whoever wants it replaces fences.
   */
  amendFences?(
    fenceKeys: readonly string[],
    mark: string,
    most: number,
    fenceTtlMs: number,
    cause?: CauseNote,
  ): Promise<void>;
  /**
   * What has been kept with the fences, the newest first: each with the very milliseconds of the fences that it
   * replaced. Absent where the store keeps no causes: nobody can say then who has invalidated what.
   */
  readCauses?(key: string, query: CauseQuery): Promise<readonly StoredCause[]>;
  /**
   * Calls `onText` with what is announced on the channel, by whatever process; returns what ends that. Absent where
   * there are no other processes, or nobody can tell.
   */
  hear?(channel: string, onText: (text: string) => void): () => void;
  /**
   * Looks at an entry without using it: it is evicted as soon as it would have been. Absent: {@link read} is asked, and
   * what has been evicted is not told from what was never there.
   */
  peek?(request: PeekRequest): Promise<Peek>;
  /** Forgets every fence below the key prefix: all entries become misses. The last resort of a recovery. */
  forgetAllFences(): Promise<void>;
  /**
   * The keys of fences that begin and end so, in pages, among them all that are there from the call to its end. Absent: what concerns all
   * tenants (`clear`, `invalidateModule`) forgets every fence.
   */
  listFences?(beginning: string, ending: string): AsyncIterable<readonly string[]>;
  inventory(filter: InventoryFilter): Promise<Inventory>;
  /**
   * A page of what is stored of a tenant's module under its current fences, in the order in which it expires. For
   * operators: never asked for by a request. Absent where the store cannot list a module: the console says so.
   */
  listEntries?(request: ListRequest): Promise<EntryPage>;
  /**
   * What the entries of each of these tenants count against `maxTenantBytes`, in the same order. Absent where
   * the store does not bound the bytes of a tenant: `maxTenantBytes` is then never asked for, and the option
   * `maxBytesPerTenant` is refused.
   *
   * @param isAwaited as of {@link InventoryFilter}
   */
  tenantBytes?(tenants: readonly string[], isAwaited?: boolean): Promise<readonly number[]>;
  serverReport(): Promise<ServerReport | null>;
  close(): Promise<void>;
}
