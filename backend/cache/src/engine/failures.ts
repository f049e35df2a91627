// What a failed operation says of the store: why it failed, and whether that is the store's fault for certain.
// Tests: test/faults/refusals.test.ts, test/faults/store-away.test.ts
import { NotConnected } from "../store/store-errors.js";
import { messageOf } from "../thrown.js";
import { DeadlineExceeded } from "./deadline-queue.js";

/** Thrown at once while the circuit is open. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

/** What the server has refused may be the request's fault: the probe will tell, and says more. */
export function isCertain(error: unknown): boolean {
  return [DeadlineExceeded, NotConnected, StoreUnavailable].some((kind) => error instanceof kind);
}

/**
 * For the log; `undefined` where the error says no more than that the store is away.
 *
 * @param latencyMs of the last probe: of a store that is far away, and not only held up, it takes a good part
 *   of the budget
 */
export function reasonOf(error: unknown, latencyMs: number | null, budgetMs: number): string | undefined {
  if (error instanceof StoreUnavailable || error instanceof NotConnected) return undefined;
  const message = messageOf(error);
  const isFar = latencyMs !== null && latencyMs > budgetMs / 2 && latencyMs < 20 * budgetMs;
  if (!(error instanceof DeadlineExceeded && isFar)) return message;
  return `${message}; the last probe took ${Math.round(latencyMs)} ms: raise budgetMs if Redis is that far away`;
}
