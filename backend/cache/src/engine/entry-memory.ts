// What this process remembers of entries, so that it can say why one is missing: written by stores and misses, never by hits.
// Tests: test/integration/miss-reasons.test.ts, test/unit/entry-memory.test.ts
import { BoundedMap } from "../bounded-map.js";
import type { UnstoredReason } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import { monotonicNow } from "../timers.js";
import type { EntryRef } from "./entry-ref.js";
import { splitFences } from "./fences.js";
import { OnceKnown } from "./once-known.js";

/**
 * - `cold`: not that this process knows: never asked for, stored by another process, or long ago
 * - `expired`: its life is over; `fenced`: something has invalidated it
 * - `evicted`: it was stored, nothing has invalidated it, its life is not over, and it is gone
 * - `unstorable`: the last answer could not be stored
 * - `refused`: the client wants no entry (`obeyRequest`), or no entry could be sent
 * - `unknown`: this process has forgotten what it knew
 */
export const MISS_REASONS = [
  "cold",
  "expired",
  "fenced",
  "evicted",
  "unstorable",
  "refused",
  "unknown",
] as const;
export type MissReason = (typeof MISS_REASONS)[number];

/** When an entry was stored, or why its last answer was not. Times are milliseconds since the epoch. */
export type EntryRecord =
  | {
      readonly storedAtMs: number;
      readonly expiresAtMs: number;
      /** Joined, with the run id. */
      readonly fences: string;
      /** When this was remembered, on the clock of `monotonicNow`, and why its fill's own request had missed. */
      readonly sinceMs: number;
      readonly after: MissEvidence | undefined;
    }
  | { readonly unstoredAtMs: number; readonly why: UnstoredReason };

/** What a read has found that was no hit. */
export interface Missed {
  /** The fences that were read, joined; `undefined` where one was missing, or nothing was read. */
  readonly seen: string | undefined;
  /** The value that was there and could not be served. */
  readonly held?: Pick<Entry, "fences" | "expiresAt"> | undefined;
  /** Until when the store was waited for, on the clock of `monotonicNow`: so it is known when the read began. */
  readonly expiresAtMs?: number;
}

/** Why an entry was missing, as far as that is known without asking anybody. */
export interface MissEvidence {
  readonly reason: MissReason;
  /** Of `unstorable`. */
  readonly why?: UnstoredReason | undefined;
  /** Of `fenced`: which of the ref's fences are others now; -1 for the server, which is another one. */
  readonly replaced?: readonly number[] | undefined;
}

/**
 * What an answer was told as that its record does not say: its head left before its body was there, or an entry has
 * answered in the place of a failure.
 */
export type ToldOtherwise = "streamed" | "stale-if-error";

/** Of some seven thousand entries. */
const MAX_CHARACTERS = 5 * 1024 * 1024;

/** @internal */
export class EntryMemory {
  readonly #records = new BoundedMap<EntryRecord>({
    maxCharacters: MAX_CHARACTERS,
    areKeysOwn: true,
    charactersOf: (record) => ("fences" in record ? record.fences.length : 0),
  });
  readonly #counts = Object.fromEntries(MISS_REASONS.map((reason) => [reason, 0])) as Record<
    MissReason,
    number
  >;
  readonly #known = new OnceKnown();
  /** Why those had missed whose fills are under way. */
  readonly #opened = new BoundedMap<MissEvidence>({ maxCharacters: 1024 * 1024, areKeysOwn: true });
  /** Of some two thousand entries. */
  readonly #told = new BoundedMap<ToldOtherwise>({ maxCharacters: 1024 * 1024, areKeysOwn: true });
  readonly #budgetMs: number;

  /** @param budgetMs how long reads wait for the store */
  constructor(budgetMs: number) {
    this.#budgetMs = budgetMs;
  }

  /** Misses by their reasons, since the process began. */
  get counts(): Readonly<Record<MissReason, number>> {
    return { ...this.#counts };
  }

  of({ entryKey }: EntryRef): EntryRecord | undefined {
    return this.#records.get(entryKey);
  }

  stored({ entryKey }: EntryRef, { createdAt, expiresAt, fences }: Entry): void {
    const after = this.#opened.get(entryKey);
    this.#opened.delete(entryKey);
    // Written out: V8 makes a hidden class for each object that is spread and added to.
    const [storedAtMs, expiresAtMs, sinceMs] = [createdAt, expiresAt, monotonicNow()];
    this.#remember(entryKey, { storedAtMs, expiresAtMs, fences, sinceMs, after });
  }

  unstored({ entryKey }: EntryRef, why: UnstoredReason): void {
    this.#remember(entryKey, { unstoredAtMs: Date.now(), why });
  }

  /** How the last answer of a handler was told; `undefined`: as its record says. */
  tells({ entryKey }: EntryRef, told: ToldOtherwise | undefined): void {
    if (told === undefined) this.#told.delete(entryKey);
    else this.#told.set(entryKey, told);
  }

  toldOf({ entryKey }: EntryRef): ToldOtherwise | undefined {
    return this.#told.get(entryKey);
  }

  /** Why a request missed: counted. */
  missed(ref: EntryRef, found: Missed): MissEvidence {
    const record = this.of(ref);
    const beganAtMs = (found.expiresAtMs ?? Number.POSITIVE_INFINITY) - this.#budgetMs;
    // Another request's answer was stored while this one's read was under way: both have missed for the same reason.
    const shared = record && "after" in record && record.sinceMs >= beganAtMs ? record.after : undefined;
    const evidence = shared ?? this.explain(ref, found);
    if (!shared) this.#opened.set(ref.entryKey, evidence);
    this.#counts[evidence.reason]++;
    return evidence;
  }

  count(reason: MissReason): void {
    this.#counts[reason]++;
  }

  explain(ref: EntryRef, { seen, held }: Missed): MissEvidence {
    const record = this.of(ref);
    const stored = held ?? (record && "fences" in record ? record : undefined);
    if (!stored) {
      if (record && "why" in record) return { reason: "unstorable", why: record.why };
      return { reason: !record && this.#known.has(ref.entryKey) ? "unknown" : "cold" };
    }
    const expiresAtMs = "expiresAt" in stored ? stored.expiresAt : stored.expiresAtMs;
    const replaced = replacedFences(ref, stored.fences, seen);
    // Where both have happened nobody knows which came first: it would have been gone by now anyway.
    if (expiresAtMs <= Date.now()) return { reason: "expired" };
    if (replaced.length > 0) return { reason: "fenced", replaced };
    return { reason: held ? "expired" : "evicted" };
  }

  #remember(entryKey: string, record: EntryRecord): void {
    if (!this.#records.has(entryKey)) this.#known.add(entryKey);
    this.#records.set(entryKey, record);
  }
}

/** @param seen absent where one of them was missing: then which is not known, and it may be any @internal */
export function replacedFences(
  { fenceKeys }: EntryRef,
  carried: string,
  seen: string | undefined,
): readonly number[] {
  if (seen === undefined) return [0];
  const [were, are] = [splitFences(carried), splitFences(seen)];
  const server = were.runId === are.runId ? [] : [-1];
  return [...server, ...fenceKeys.keys()].filter(
    // An empty place: the entry did not depend on it.
    (index) => index === -1 || (were.fences[index] !== "" && were.fences[index] !== are.fences[index]),
  );
}
