// Single keys, counters and locks of one process.
// Tests: test/contract/memory-store.test.ts
import type { LRUCache } from "lru-cache";
import { characterLru } from "./character-lru.js";
import { newFence } from "./fence-token.js";
import type { KeyedStore, KeyMatch, TurnedFence } from "./keyed-store.js";
import { NoCounter } from "./store-errors.js";
import type { TenantLru } from "./tenant-lru.js";

// Some hundred thousand of each.
const MAX_COUNTER_CHARACTERS = 20 * 1024 * 1024;
const MAX_LOCK_CHARACTERS = 20 * 1024 * 1024;

/** Expires by the wall clock, as Redis's do and as entries do. */
interface Counter {
  count: number;
  readonly expiresAtMs: number;
}

export class MemoryKeyedStore implements KeyedStore {
  readonly #entries: Pick<TenantLru<object>, "delete">;
  readonly #fences: LRUCache<string, string>;
  readonly #counters = characterLru<Counter>(MAX_COUNTER_CHARACTERS);
  readonly #locks = characterLru<string>(MAX_LOCK_CHARACTERS, (holder) => holder.length);

  /**
   * @param fences those of the store itself: guarded writes are never of single keys, so tokens are all there
   *   is
   */
  constructor(entries: Pick<TenantLru<object>, "delete">, fences: LRUCache<string, string>) {
    this.#entries = entries;
    this.#fences = fences;
  }

  async turnFences(fenceKeys: readonly string[]): Promise<readonly TurnedFence[]> {
    return fenceKeys.map((key) => {
      const before = this.#fences.get(key) ?? null;
      const after = newFence(Date.now());
      this.#fences.set(key, after);
      return { before, after };
    });
  }

  async removeKeys(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#remove(key);
  }

  async removeMatching({ fencePrefix, entryPrefix, counterPrefix, pattern }: KeyMatch): Promise<number> {
    const matches = matcher(pattern);
    const below = (keys: Iterable<string>, prefix: string) =>
      [...keys].filter((key) => key.startsWith(prefix) && matches(key.slice(prefix.length)));
    let removed = 0;
    for (const fenceKey of below(this.#fences.keys(), fencePrefix)) {
      this.#fences.delete(fenceKey);
      if (this.#entries.delete(entryPrefix + fenceKey.slice(fencePrefix.length))) removed++;
    }
    for (const counterKey of below(this.#counters.keys(), counterPrefix))
      if (this.#counter(counterKey) && this.#counters.delete(counterKey)) removed++;
    return removed;
  }

  async addToCounter(key: string, by: number, ttlMs: number): Promise<number> {
    let counter = this.#counter(key);
    if (!Number.isSafeInteger((counter?.count ?? 0) + by)) throw new NoCounter();
    if (!counter) {
      counter = { count: 0, expiresAtMs: Date.now() + ttlMs };
      this.#counters.set(key, counter);
    }
    counter.count += by;
    return counter.count;
  }

  async readCounter(key: string): Promise<number | null> {
    return this.#counter(key)?.count ?? null;
  }

  async takeLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    if (this.#locks.has(key)) return false;
    this.#locks.set(key, holder, { ttl: ttlMs });
    return true;
  }

  async renewLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    if (this.#locks.get(key) !== holder) return false;
    this.#locks.set(key, holder, { ttl: ttlMs });
    return true;
  }

  async releaseLock(key: string, holder: string): Promise<void> {
    if (this.#locks.get(key) === holder) this.#locks.delete(key);
  }

  #counter(key: string): Counter | undefined {
    const counter = this.#counters.get(key);
    if (counter === undefined || counter.expiresAtMs > Date.now()) return counter;
    this.#counters.delete(key);
    return undefined;
  }

  #remove(key: string): void {
    this.#entries.delete(key);
    this.#fences.delete(key);
    this.#counters.delete(key);
  }
}

/** Linear in the length of the key, however many wildcards the pattern has. */
function matcher(pattern: string): (key: string) => boolean {
  const [first = "", ...others] = pattern.split("*");
  const last = others.pop();
  if (last === undefined) return (key) => key === pattern;
  return (key) => {
    if (!key.startsWith(first)) return false;
    let end = first.length;
    for (const literal of others) {
      const start = key.indexOf(literal, end);
      if (start === -1) return false;
      end = start + literal.length;
    }
    return key.length - last.length >= end && key.endsWith(last);
  };
}
