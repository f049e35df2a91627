// Loads of values while the store is away: calls for one key share those that begin after they came, and nothing is stored.
// Tests: test/faults/store-away-shared.test.ts, test/faults/toolkit-away.test.ts
import { type BypassReason, formatCacheStatus } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { KeyedRef } from "../engine/keyed-entries.js";
import type { SharedOutcome, SharedRuns } from "../engine/shared-runs.js";
import type { Looked } from "./looked.js";
import type { RecordedValue } from "./value-record.js";

export interface SharedLoad<T> {
  readonly ref: KeyedRef;
  readonly reason: BypassReason;
  readonly load: () => T | PromiseLike<T>;
  /** As it would be stored; `undefined` where it could not be. */
  readonly record: (value: T) => Promise<RecordedValue | undefined>;
  /** A value of the caller's own; `undefined` where the entry has none that it knows. */
  readonly decode: (entry: Entry) => Promise<{ readonly value: unknown } | undefined>;
}

const ALONE: SharedOutcome = { kind: "alone" };

/** @throws what `load` throws, also where another call's has */
export async function loadShared<T>(runs: SharedRuns, shared: SharedLoad<T>): Promise<Looked<T>> {
  const { ref, reason: detail, load, record, decode } = shared;
  const status = { fwd: "bypass", detail } as const;
  const outcome = detail === "store-unavailable" ? await runs.open(ref) : ALONE;
  if (outcome.kind === "failed") throw outcome.error;
  if (outcome.kind === "follow") {
    const decoded = await decode(outcome.entry);
    const cacheStatus = formatCacheStatus({ ...status, collapsed: true });
    if (decoded) return { value: decoded.value as T, cacheStatus };
  }
  const cacheStatus = formatCacheStatus(status);
  if (outcome.kind !== "lead") return { value: await load(), cacheStatus };
  const { fill, ended } = outcome;
  try {
    const value = await load();
    const recorded = fill && (await record(value));
    if (recorded) fill?.share(recorded.recording);
    else fill?.abandon("unstorable");
    return { value, cacheStatus };
  } catch (error) {
    fill?.fail(error);
    throw error;
  } finally {
    ended();
  }
}
