// The causes that the in-process store keeps.
// Tests: test/contract/memory-store.test.ts
import type { CauseNote, CauseQuery, StoredCause } from "./cause-log.js";
import { characterLru } from "./character-lru.js";

/** Of some hundred tenants that are busy; more of quiet ones. */
const MAX_CHARACTERS = 8 * 1024 * 1024;

/** Longer by so much, a log is cut: not with each cause. */
const SLACK = 1.1;

export class MemoryCauses {
  readonly #logs = characterLru<readonly StoredCause[]>(MAX_CHARACTERS, (log) =>
    log.reduce((sum, { text }) => sum + text.length + 64, 0),
  );

  add(note: CauseNote | undefined, atMs: number): void {
    if (!note) return;
    const { key, text, maxNotes, ttlMs } = note;
    const log = [...(this.#logs.get(key) ?? []), { atMs, text }];
    this.#logs.set(key, log.length > maxNotes * SLACK ? log.slice(-maxNotes) : log, { ttl: ttlMs });
  }

  read(key: string, { sinceMs, limit }: CauseQuery): readonly StoredCause[] {
    const log = this.#logs.get(key) ?? [];
    return log
      .filter(({ atMs }) => atMs >= sinceMs)
      .reverse()
      .slice(0, limit);
  }

  clear(): void {
    this.#logs.clear();
  }
}
