// A load of a value that is neither looked up nor stored, only observed: the option `advice.observeOnly`.
// Tests: test/integration/advice.test.ts
import type { Advisor } from "../advice/advisor.js";
import { formatCacheStatus } from "../cache-status.js";
import { answerOf } from "../engine/answer-of.js";
import type { KeyedRef } from "../engine/keyed-entries.js";
import { monotonicNow } from "../timers.js";
import type { Looked } from "./looked.js";
import type { RecordedValue } from "./value-record.js";

/**
 * @param record as it would be stored; `undefined` where it could not be
 * @throws what `load` throws
 */
export async function loadObserved<T>(
  advisor: Advisor | undefined,
  ref: KeyedRef,
  load: () => T | PromiseLike<T>,
  record: (value: T) => Promise<RecordedValue | undefined>,
): Promise<Looked<T>> {
  advisor?.asked(ref);
  const beganAtMs = monotonicNow();
  const value = await load();
  const durationMs = monotonicNow() - beganAtMs;
  const recorded = await record(value);
  if (!recorded || recorded.unkept !== undefined)
    advisor?.refused(ref, recorded?.unkept ?? "value", durationMs);
  else advisor?.answered(ref, answerOf(advisor, ref, recorded.recording, durationMs));
  return { value, cacheStatus: formatCacheStatus({ fwd: "bypass", detail: "disabled" }) };
}
