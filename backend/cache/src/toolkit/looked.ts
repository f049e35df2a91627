// What a look at a value says of it: the value, and what the cache did.
// Tests: test/integration/toolkit-values.test.ts
import {
  type BypassReason,
  formatCacheStatus,
  hitStatus,
  type RunReason,
  type UnstoredReason,
} from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { Miss, Stale } from "../engine/miss.js";

/** What a look at a key's entry found. @internal */
export type Found =
  | { readonly kind: "value"; readonly value: unknown; readonly entry: Entry }
  | { readonly kind: "stale"; readonly value: unknown; readonly entry: Entry; readonly miss: Stale }
  | { readonly kind: "none"; readonly miss: Miss }
  | { readonly kind: "bypass"; readonly reason: BypassReason };

/** A value, and what the cache did to have it. */
export interface Looked<T> {
  readonly value: T;
  /** As a `Cache-Status` header says it (RFC 9211). */
  readonly cacheStatus: string;
  /** How long ago it was loaded, whole seconds; absent where it was loaded for this call. */
  readonly ageSeconds?: number;
}

export function lookedAt<T>(value: T, entry: Entry): Looked<T> {
  const nowMs = Date.now();
  const ageSeconds = Math.max(0, Math.floor((nowMs - entry.createdAt) / 1000));
  return { value, cacheStatus: formatCacheStatus(hitStatus(entry, nowMs)), ageSeconds };
}

/** @param detail why it is not stored; absent where it is */
export function missed<T>(value: T, detail?: RunReason | UnstoredReason): Looked<T> {
  const stored = { fwd: "miss", stored: true } as const;
  return { value, cacheStatus: formatCacheStatus(detail ? { fwd: "miss", detail } : stored) };
}
