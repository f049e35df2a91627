// Notes that processes share, so that one of them does what all would do: what a store may offer for that.
// Tests: test/contract/redis-store.test.ts, test/integration/metrics-inventory.test.ts

/**
 * - `made`: it is there, and so old
 * - `yours`: there is none, and this process is to make it within the time it has said
 * - `under-way`: another process is at it
 */
export type NoteLook =
  | { readonly state: "made"; readonly text: string; readonly ageMs: number; readonly ttlMs: number }
  | { readonly state: "yours" }
  | { readonly state: "under-way" };

export interface SharedNotes {
  /**
   * Looks, and takes it upon this process where there is none: one step, so that of many one does.
   *
   * @param makeWithinMs how long others wait for this process
   */
  look(key: string, makeWithinMs: number): Promise<NoteLook>;
  /** @param ttlMs from now on. Then there is none, and whoever looks next makes it anew */
  write(key: string, text: string, ttlMs: number): Promise<void>;
}
