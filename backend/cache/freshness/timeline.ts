// What happened to the servers of a run, and when: faults, their steps, what sentinels said, what servers became.
import { machineNowMs } from "./clock.js";

export interface TimelineEvent {
  /** On the clock of {@link machineNowMs}. */
  readonly atMs: number;
  readonly what: string;
}

/** Enough for some minutes around a violation. */
const KEPT = 20_000;

export class Timeline {
  #events: TimelineEvent[] = [];

  note(what: string, atMs = machineNowMs()): void {
    this.#events.push({ atMs, what });
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT);
  }

  between(fromMs: number, toMs: number): readonly TimelineEvent[] {
    return this.#events.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  }
}
