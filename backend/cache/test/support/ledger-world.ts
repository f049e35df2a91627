// One tenant's entries in a real Redis, with what a test needs to know about them: which are live, and what they count.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import { generationOf } from "../../src/store/fence-token.js";
import type { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import type { CommitResult } from "../../src/store/store.js";

const MINUTE_MS = 60_000;
/** What an entry counts beside its value and twice its key, and by how much the sum is rounded up at most. */
const OVERHEAD_BYTES = 256;
const ROUNDING = 65 / 64;

/** A store that is in use. */
export async function openStore(url: string, keys: KeySpace): Promise<RedisStore> {
  const store = new RedisStore(connect(url), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  return store;
}

export interface Put {
  readonly module: string;
  readonly name: string;
  readonly bytes: number;
  readonly ttlMs?: number;
  readonly maxEntries?: number;
}

/** What entries count: between the two. */
export interface Sum {
  readonly atLeast: number;
  readonly atMost: number;
}

export class LedgerWorld {
  readonly tenant: string;
  readonly #admin: Redis;
  readonly #keys: KeySpace;
  readonly #quota: number;
  /** Of entries: the fences that they were stored under. */
  readonly #storedUnder = new Map<string, readonly string[]>();

  constructor(admin: Redis, keys: KeySpace, quota: number, tenant: string = randomUUID()) {
    this.#admin = admin;
    this.#keys = keys;
    this.#quota = quota;
    this.tenant = tenant;
  }

  entryKey(module: string, name: string): string {
    return this.#keys.entry(this.tenant, module, name);
  }

  fenceKeys(module: string): [string, string] {
    return [this.#keys.fence(this.tenant), this.#keys.fence(this.tenant, module)];
  }

  async put(
    store: RedisStore,
    { module, name, bytes, ttlMs = MINUTE_MS, maxEntries = 1000 }: Put,
  ): Promise<CommitResult> {
    const entryKey = this.entryKey(module, name);
    const fenceKeys = this.fenceKeys(module);
    const { fences } = await store.beginFill({ entryKey, fenceKeys, fenceTtlMs: MINUTE_MS });
    const of = { tenant: this.tenant, module, entryKey, fenceKeys, fences };
    const bounds = { ttlMs, maxEntries, maxTenantBytes: this.#quota, fenceTtlMs: MINUTE_MS };
    const result = await store.commitFill({ ...of, ...bounds, value: [Buffer.alloc(bytes, name)] });
    // What is refused leaves what was there, under the fences that it was stored under. Another store may be at it
    // at the same time: whichever comes last has the same fences.
    if (result.outcome === "stored") this.#storedUnder.set(entryKey, fences);
    return result;
  }

  /** What the ledger says, expired entries included; `undefined` where it is lost. */
  async ledger(): Promise<number | undefined> {
    const total = await this.#admin.zscore(this.#keys.ledger(this.tenant), "");
    return total === null ? undefined : Number(total);
  }

  /** Of all entries that are there, or of the live ones: those that no fence has cut off. */
  async sum({ liveOnly }: { readonly liveOnly: boolean }): Promise<Sum> {
    let atLeast = 0;
    for (const entryKey of await this.#admin.keys(`${this.#keys.tenant(this.tenant)}*`)) {
      const bytes = await this.#admin.strlen(entryKey);
      if (bytes === 0 || (liveOnly && !(await this.#isLive(entryKey)))) continue;
      atLeast += bytes + 2 * entryKey.length + OVERHEAD_BYTES;
    }
    return { atLeast, atMost: atLeast * ROUNDING };
  }

  /** The live index of a module. */
  async index(module: string): Promise<string> {
    const fences = await this.#admin.mget(this.fenceKeys(module));
    return this.#keys.index(this.tenant, module, generationOf(fences));
  }

  async #isLive(entryKey: string): Promise<boolean> {
    const module = this.#keys.parseEntry(entryKey)?.module ?? "";
    const fences = await this.#admin.mget(this.fenceKeys(module));
    return fences.join() === this.#storedUnder.get(entryKey)?.join();
  }
}
