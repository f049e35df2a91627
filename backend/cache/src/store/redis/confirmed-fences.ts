// Fences that were replaced lately, and the server that confirmed it: another one that takes its place may know nothing of it.
// Tests: test/faults/second-master.test.ts, test/faults/failover.test.ts
import { monotonicNow } from "../../timers.js";

interface Confirmed {
  readonly serverId: string;
  readonly atMs: number;
}

/**
 * Longer than a process stays on a master that has been replaced: Sentinel demotes that some ten seconds
 * after it answers again.
 */
const KEPT_MS = 60_000;
const MAX_FENCES = 10_000;
const MAX_CHARACTERS = 4 * 1024 * 1024;

/**
 * A master that answers on after its replacement confirms what its successor never hears of: entries that the
 * successor's readers have stored in the meantime would be fresh there until their TTL ends. So whoever moves
 * from one server to another repeats there what the first has confirmed. Bounded: the oldest are forgotten.
 */
export class ConfirmedFences {
  /** By fence key, the oldest first. */
  readonly #confirmed = new Map<string, Confirmed>();
  readonly #prefix: string;
  #characters = 0;

  /** @param prefix what the names of all fences begin with */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @param keys what was replaced or removed: fences, and perhaps entries, which need no repeating */
  add(keys: readonly string[], serverId: string): void {
    const atMs = monotonicNow();
    for (const key of keys) {
      if (!key.startsWith(this.#prefix)) continue;
      this.#delete(key);
      this.#confirmed.set(key, { serverId, atMs });
      this.#characters += key.length;
    }
    for (const [key, confirmed] of this.#confirmed) {
      const fits = this.#confirmed.size <= MAX_FENCES && this.#characters <= MAX_CHARACTERS;
      if (fits && atMs - confirmed.atMs < KEPT_MS) break;
      this.#delete(key);
    }
  }

  /** Those of the last minute that another server has confirmed. */
  unknownTo(serverId: string): string[] {
    const oldestMs = monotonicNow() - KEPT_MS;
    const keys: string[] = [];
    for (const [key, confirmed] of this.#confirmed)
      if (confirmed.serverId !== serverId && confirmed.atMs > oldestMs) keys.push(key);
    return keys;
  }

  #delete(key: string): void {
    if (this.#confirmed.delete(key)) this.#characters -= key.length;
  }
}
