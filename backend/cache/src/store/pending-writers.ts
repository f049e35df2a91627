// Guarded writes under way in the in-process store: who holds which fence, and until when.
// Tests: test/contract/memory-store.test.ts
import { monotonicNow } from "../timers.js";

/** `expired`: a writer died; whoever sees it first must replace the fence. */
export type WriterState = "none" | "pending" | "expired";

export class PendingWriters {
  readonly #deadlines = new Map<string, Map<string, number>>();

  add(fenceKey: string, writer: string, deadlineMs: number): void {
    const writers = this.#deadlines.get(fenceKey) ?? new Map<string, number>();
    this.#deadlines.set(fenceKey, writers.set(writer, monotonicNow() + deadlineMs));
  }

  remove(fenceKey: string, writer: string): void {
    const writers = this.#deadlines.get(fenceKey);
    writers?.delete(writer);
    if (writers?.size === 0) this.#deadlines.delete(fenceKey);
  }

  /** Forgets writers past their deadline; says `expired` once, when the last of them is forgotten. */
  state(fenceKey: string): WriterState {
    const writers = this.#deadlines.get(fenceKey);
    if (!writers) return "none";
    const now = monotonicNow();
    for (const [writer, deadline] of writers) if (deadline <= now) writers.delete(writer);
    if (writers.size > 0) return "pending";
    this.#deadlines.delete(fenceKey);
    return "expired";
  }
}
