// What names an entry, the rules it is filled by, and whether stored bytes are it.
// Tests: test/integration/forged-entries.test.ts
import type { AdvisedEntry } from "../advice/advised.js";
import type { Sealer } from "../codec/encryption.js";
import { decodeEntry, type Entry } from "../codec/entry.js";
import { areCurrent } from "./carried-fences.js";
import { rebased } from "./forgotten-urls.js";
import type { HandlerDurations } from "./handler-durations.js";

export interface EntryRef extends AdvisedEntry {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  readonly leaseKey: string;
  /** Tenant, module and canonical request in clear: written into the entry and compared on every read. */
  readonly identity: string;
  /** The tenant's, the module's, then those of the modules and tags it depends on. */
  readonly fenceKeys: readonly string[];
  /** A fill that begins less than this after a fence changed is not stored, milliseconds. */
  readonly settleMs: number;
  /** How old a reading of the fences a hit may rely on, milliseconds. */
  readonly maxStaleness: number;
  /** Whether a hit may rely on any reading, while a read lease is held. */
  readonly isLeased?: boolean;
  /** The most entries of this tenant and module. */
  readonly maxEntries: number;
  /**
   * Present: how much longer than the entry its fences are to live, milliseconds; absent: as long as the
   * engine keeps fences.
   */
  readonly fenceTtlMs?: number;
  /**
   * Present: how long handlers for such entries have taken; fills add to it, and wait no longer than it says.
   */
  readonly durations?: HandlerDurations;
  /** Whether entries carry tags of their own, which their answers have named: see `answer-tags.ts`. */
  readonly carriesTags?: boolean;
  /** Modules that answers may turn out to have read, whose fences stand behind the module's: see `carried-fences.ts`. */
  readonly reads?: readonly string[] | undefined;
  /** Present where they may: the key of a tag's fence. */
  tagFence?(tag: string): string;
}

/**
 * An entry's bytes as they came from the store, against what the request asked for and the fences that are
 * current.
 */
export type Verdict =
  | { readonly kind: "valid"; readonly entry: Entry }
  /** Valid if the fences of its own tags are the current ones. */
  | { readonly kind: "by-tags"; readonly entry: Entry }
  /** Cut off by a fence, expired, or not there: `held` is what is there all the same. */
  | { readonly kind: "absent"; readonly held?: Entry }
  | { readonly kind: "corrupt" }
  | { readonly kind: "foreign" };

/**
 * By how much the clocks of two processes may differ: an entry from further in the future has a wrong date,
 * and would stay for ever.
 */
const MAX_CLOCK_DIFFERENCE_MS = 86_400_000;

/** Whether stored bytes answer this request under these fences (joined, with the run id). */
export function examine(ref: EntryRef, sealed: Buffer | null, fences: string, sealer: Sealer): Verdict {
  if (sealed === null) return { kind: "absent" };
  const value = sealer.open(ref.entryKey, sealed);
  if (value === "outdated") return { kind: "absent" };
  const entry = value && decodeEntry(value);
  const nowMs = Date.now();
  if (!entry || entry.createdAt > nowMs + MAX_CLOCK_DIFFERENCE_MS) return { kind: "corrupt" };
  if (entry.identity !== ref.identity) return { kind: "foreign" };
  if (entry.expiresAt <= nowMs) return { kind: "absent", held: entry };
  if (entry.fences === fences) return { kind: "valid", entry };
  const carried = rebased(ref.identity, entry.fences, fences);
  const isCurrent = areCurrent(ref, carried, fences);
  if (!isCurrent) return { kind: "absent", held: entry };
  const kind = isCurrent === "by-tags" ? "by-tags" : "valid";
  return { kind, entry: carried === entry.fences ? entry : { ...entry, fences: carried } };
}
