// Single keys, counters and locks in Redis.
import { randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { KeyedStore, KeyMatch, TurnedFence } from "../keyed-store.js";
import { scanMatching } from "./keyspace-scan.js";
import type { RedisClient, ScriptedCommands } from "./redis-client.js";

export class RedisKeyedStore implements KeyedStore {
  readonly #client: RedisClient & ScriptedCommands;
  readonly #keys: KeySpace;

  constructor(client: RedisClient & ScriptedCommands, keys: KeySpace) {
    this.#client = client;
    this.#keys = keys;
  }

  async turnFences(fenceKeys: readonly string[], fenceTtlMs: number): Promise<readonly TurnedFence[]> {
    const reply = await this.#client.etcTurnFences(fenceKeys.length, ...fenceKeys, randomToken(), fenceTtlMs);
    return fenceKeys.map((_key, index) => ({
      before: reply[2 * index] ?? null,
      after: reply[2 * index + 1] ?? "",
    }));
  }

  async removeKeys(keys: readonly string[]): Promise<void> {
    await this.#remove(keys);
  }

  /** Found by their fences, not by their entries: a load that is under way has a fence before it has an entry. */
  async removeMatching({ fencePrefix, entryPrefix, counterPrefix, pattern }: KeyMatch): Promise<number> {
    let removed = 0;
    for await (const fenceKeys of scanMatching(this.#client, fencePrefix, pattern)) {
      const entryKeys = fenceKeys.map((key) => entryPrefix + key.slice(fencePrefix.length));
      // As one step: an entry removed while its fence still held could be stored again by its load.
      removed += await this.#remove([...fenceKeys, ...entryKeys]);
    }
    for await (const counterKeys of scanMatching(this.#client, counterPrefix, pattern))
      removed += Number(await this.#client.unlink(...counterKeys));
    return removed;
  }

  async addToCounter(key: string, by: number, ttlMs: number): Promise<number> {
    return Number(await this.#client.etcAddToCounter(1, key, by, ttlMs));
  }

  async readCounter(key: string): Promise<number | null> {
    const [value = null] = await this.#client.mget([key]);
    return value === null ? null : Number(value);
  }

  async takeLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    return Number(await this.#client.etcTakeLock(1, key, holder, ttlMs)) === 1;
  }

  async renewLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    return Number(await this.#client.etcRenewLock(1, key, holder, ttlMs)) === 1;
  }

  async releaseLock(key: string, holder: string): Promise<void> {
    await this.#client.etcReleaseLock(1, key, holder);
  }

  /** Entries are taken off their tenant's ledger in the same step. Resolves with how many of them it removed. */
  async #remove(keys: readonly string[]): Promise<number> {
    const places = keys.map((key) => this.#keys.parseEntry(key));
    const tenant = places.find((place) => place !== undefined)?.tenant;
    if (tenant === undefined) {
      await this.#client.unlink(...keys);
      return 0;
    }
    const names = [this.#keys.fence(tenant), this.#keys.ledger(tenant), ...keys];
    const modules = places.map((place) => place?.module ?? "");
    const indexes = this.#keys.indexes(tenant);
    return Number(await this.#client.etcRemoveKeys(names.length, ...names, indexes, ...modules));
  }
}
