// Single keys, counters and locks in Redis.
// Tests: test/contract/redis-store.test.ts
import { randomToken } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { KeyedStore, KeyMatch, TurnedFence } from "../keyed-store.js";
import { NoCounter } from "../store-errors.js";
import type { BookRepairs } from "./book-repairs.js";
import { refusesValues } from "./error-messages.js";
import type { FenceChanges } from "./fence-changes.js";
import { scanMatching } from "./keyspace-scan.js";
import type { RedisClient } from "./redis-client.js";
import { removeKeys, type Servers } from "./servers.js";

export class RedisKeyedStore implements KeyedStore {
  readonly #client: RedisClient;
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #repairs: BookRepairs;
  readonly #changes: Pick<FenceChanges, "note">;

  /** @param changes told of keys that a server has replaced or removed, fences among them */
  constructor(
    client: RedisClient,
    servers: Servers,
    keys: KeySpace,
    repairs: BookRepairs,
    changes: Pick<FenceChanges, "note">,
  ) {
    this.#client = client;
    this.#servers = servers;
    this.#keys = keys;
    this.#repairs = repairs;
    this.#changes = changes;
  }

  async turnFences(fenceKeys: readonly string[], fenceTtlMs: number): Promise<readonly TurnedFence[]> {
    const args = [randomToken(), fenceTtlMs];
    const turn = () =>
      this.#servers.run(fenceKeys[0] ?? "", (link) => link.provenScript("turnFences", fenceKeys, args));
    let reply: (string | null)[];
    try {
      reply = (await turn()) as (string | null)[];
    } catch (error) {
      if (!refusesValues(error)) throw error;
      // Missing fences cut off what is being loaded as well as new ones do. Nothing can be stored under them.
      await removeKeys(this.#servers, fenceKeys);
      this.#changes.note(fenceKeys);
      return fenceKeys.map(() => ({ before: null, after: "" }));
    }
    this.#changes.note(fenceKeys);
    return fenceKeys.map((_key, index) => ({
      before: reply[2 * index] ?? null,
      after: reply[2 * index + 1] ?? "",
    }));
  }

  async removeKeys(keys: readonly string[]): Promise<void> {
    await this.#remove(keys);
  }

  /**
   * Found by their fences, not by their entries: a load that is under way has a fence before it has an entry.
   */
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
    const sum = await this.#script("addToCounter", key, by, ttlMs);
    if (sum === null) throw new NoCounter();
    return Number(sum);
  }

  async readCounter(key: string): Promise<number | null> {
    const { fences } = await this.#servers.run(key, (link) => link.read([key], []));
    const [value = null] = fences;
    if (value === null) return null;
    if (!Number.isSafeInteger(Number(value))) throw new NoCounter();
    return Number(value);
  }

  async takeLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    return Number(await this.#script("takeLock", key, holder, ttlMs)) === 1;
  }

  async renewLock(key: string, holder: string, ttlMs: number): Promise<boolean> {
    return Number(await this.#script("renewLock", key, holder, ttlMs)) === 1;
  }

  async releaseLock(key: string, holder: string): Promise<void> {
    await this.#script("releaseLock", key, holder);
  }

  /** Proven: a lock that a demoted master gives is none. */
  #script(
    name: "addToCounter" | "takeLock" | "renewLock" | "releaseLock",
    key: string,
    ...args: (string | number)[]
  ): Promise<unknown> {
    return this.#servers.run(key, (link) => link.provenScript(name, [key], args));
  }

  /**
   * Entries are taken off their tenant's ledger in the same step. Resolves with how many of them it removed.
   */
  async #remove(keys: readonly string[]): Promise<number> {
    const places = keys.map((key) => this.#keys.parseEntry(key));
    const tenant = places.find((place) => place !== undefined)?.tenant;
    if (tenant === undefined) {
      await removeKeys(this.#servers, keys);
      this.#changes.note(keys);
      return 0;
    }
    const names = [this.#keys.fence(tenant), this.#keys.ledger(tenant), ...keys];
    const modules = places.map((place) => place?.module ?? "");
    const args = [this.#keys.indexes(tenant), ...modules];
    const remove = () =>
      this.#servers.runOnAll(
        keys,
        (link) => link.provenScript("removeKeys", names, args),
        // What the ledger still counts then is found missing by the next walk.
        async (client, key) => {
          const count = await client.unlink(key);
          return this.#keys.parseEntry(key) === undefined ? 0 : count;
        },
      );
    const removed = await this.#repairs.around(tenant, modules.filter(Boolean), remove);
    this.#changes.note(keys);
    return Array.isArray(removed) ? removed.reduce((sum, count) => sum + Number(count), 0) : Number(removed);
  }
}
