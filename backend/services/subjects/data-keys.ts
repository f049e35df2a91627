// Data keys in this process's memory: at most a minute, bounded, and checked for erasure at each use.
// Tests: test/integration/subject-vault.test.ts, test/faults/erasure-processes.test.ts
import { LRUCache } from "lru-cache";
import type { Pool } from "pg";
import { KeyDestroyed, type KeyProvider, KeysUnavailable } from "./key-provider.js";
import { type KeyRow, liveKeyRows } from "./subject-key-rows.js";

export interface DataKeysOptions {
  readonly pool: Pool;
  readonly provider: KeyProvider;
  /** Kept in memory at most. Default 10,000. */
  readonly maxKeys?: number | undefined;
  /** Milliseconds. Default 60,000. */
  readonly keptForMs?: number | undefined;
}

/** From the moment on at which the question was sent. An erasure waits longer than this before it answers. */
export const CHECK_GOOD_FOR_MS = 250;
const KEPT_FOR_MS = 60_000;
const MAX_KEYS = 10_000;
const MAX_KEYS_OF_A_QUERY = 1000;
const CHECKS_AT_MOST = 3;

interface Held {
  readonly key: Buffer;
  checkedAtMs: number;
}

/** What became of each key that was asked for; none for those that are not live. */
interface Answers {
  readonly keys: ReadonlyMap<string, Buffer | Error>;
  /** When the question was sent. */
  readonly sentAtMs: number;
}

/** The caller's own. */
interface Copies {
  readonly copies: readonly Buffer[];
  /** Of the key that was asked about longest ago. */
  readonly checkedAtMs: number;
}

interface Batch {
  readonly keyIds: Set<string>;
  readonly answers: Promise<Answers>;
}

export class DataKeys {
  readonly #pool: Pool;
  readonly #provider: KeyProvider;
  readonly #held: LRUCache<string, Held>;
  /** By tenant: a question that has not been sent yet. */
  readonly #waiting = new Map<string, Batch>();
  readonly #inFlight = new Map<string, Promise<unknown>>();

  constructor({ pool, provider, maxKeys = MAX_KEYS, keptForMs = KEPT_FOR_MS }: DataKeysOptions) {
    this.#pool = pool;
    this.#provider = provider;
    this.#held = new LRUCache<string, Held>({
      max: maxKeys,
      ttl: keptForMs,
      ttlAutopurge: true,
      // Whoever uses a key has a copy.
      dispose: ({ key }) => key.fill(0),
    });
  }

  /** In memory now. */
  get size(): number {
    return this.#held.size;
  }

  /**
   * Runs `work` with copies of the keys, which are zeros afterwards.
   *
   * The keys were live after this call began, or within the last 250 ms; and where that was longer ago when
   * `work` has ended (a process can be stopped for minutes between any two steps), they are asked for once
   * more. So whatever an erasure has answered before cannot be in a result that comes after.
   *
   * @returns `undefined` where one of the keys is not live
   * @throws KeysUnavailable; the database's errors
   */
  async use<T>(
    tenantId: string,
    keyIds: readonly string[],
    work: (keys: readonly Buffer[]) => T,
  ): Promise<{ readonly result: T } | undefined> {
    const keys = this.#inMemory(tenantId, keyIds) ?? (await this.#ask(tenantId, keyIds));
    if (!keys) return undefined;
    let result: T;
    let checkedAtMs = keys.checkedAtMs;
    try {
      result = work(keys.copies);
    } finally {
      erase(keys.copies);
    }
    for (let check = 0; check < CHECKS_AT_MOST && isOld(checkedAtMs); check += 1) {
      const again = await this.#ask(tenantId, keyIds);
      if (!again) return undefined;
      erase(again.copies);
      checkedAtMs = again.checkedAtMs;
    }
    return { result };
  }

  drop(tenantId: string, keyIds: readonly string[]): void {
    for (const id of keyIds) this.#held.delete(nameOf(tenantId, id));
  }

  clear(): void {
    this.#held.clear();
  }

  /** `undefined` where one is not in memory, or was last checked too long ago. */
  #inMemory(tenantId: string, keyIds: readonly string[]): Copies | undefined {
    const held = keyIds.map((id) => this.#held.get(nameOf(tenantId, id))).filter((one) => one !== undefined);
    const checkedAtMs = Math.min(...held.map((one) => one.checkedAtMs));
    if (held.length < keyIds.length || isOld(checkedAtMs)) return undefined;
    return { copies: held.map(({ key }) => Buffer.from(key)), checkedAtMs };
  }

  /** Asks the database, with all who ask in the same moment. `undefined` where a key is not live. */
  async #ask(tenantId: string, keyIds: readonly string[]): Promise<Copies | undefined> {
    let batch = this.#waiting.get(tenantId);
    if (!batch || batch.keyIds.size + keyIds.length > MAX_KEYS_OF_A_QUERY) {
      batch = this.#open(tenantId);
      this.#waiting.set(tenantId, batch);
    }
    for (const id of keyIds) batch.keyIds.add(id);
    const { keys, sentAtMs } = await batch.answers;
    const copies: Buffer[] = [];
    for (const id of keyIds) {
      const key = keys.get(id);
      if (Buffer.isBuffer(key)) copies.push(Buffer.from(key));
      else if (key !== undefined) throw key;
    }
    return copies.length === keyIds.length ? { copies, checkedAtMs: sentAtMs } : undefined;
  }

  /** One question in flight, one that waits for it. */
  #open(tenantId: string): Batch {
    const keyIds = new Set<string>();
    const before = this.#inFlight.get(tenantId);
    const send = async () => {
      await before;
      // Who comes from now on asks anew: the answer may be older than their question.
      if (this.#waiting.get(tenantId) === batch) this.#waiting.delete(tenantId);
      const answers = await this.#answers(tenantId, [...keyIds]);
      // Those who wait take their copies first.
      setImmediate(() => erase([...answers.keys.values()].filter((key) => Buffer.isBuffer(key))));
      return answers;
    };
    const answers = send();
    const batch: Batch = { keyIds, answers };
    const settled = answers.then(
      () => undefined,
      () => undefined,
    );
    this.#inFlight.set(tenantId, settled);
    void settled.then(() => {
      if (this.#inFlight.get(tenantId) === settled) this.#inFlight.delete(tenantId);
    });
    return batch;
  }

  async #answers(tenantId: string, keyIds: readonly string[]): Promise<Answers> {
    const sentAtMs = performance.now();
    const live = await liveKeyRows(this.#pool, tenantId, keyIds);
    for (const id of keyIds) if (!live.has(id)) this.#held.delete(nameOf(tenantId, id));
    const keys = new Map<string, Buffer | Error>();
    await Promise.all(
      [...live.values()].map(async (row) => {
        const key = await this.#keyOf(tenantId, row, sentAtMs);
        if (key) keys.set(row.keyId, key);
      }),
    );
    return { keys, sentAtMs };
  }

  async #keyOf(
    tenantId: string,
    { keyId, wrapped }: KeyRow,
    sentAtMs: number,
  ): Promise<Buffer | Error | undefined> {
    const held = this.#held.get(nameOf(tenantId, keyId));
    if (held) {
      held.checkedAtMs = Math.max(held.checkedAtMs, sentAtMs);
      return Buffer.from(held.key);
    }
    try {
      const key = await this.#provider.unwrap({ tenantId, keyId }, wrapped);
      this.#held.set(nameOf(tenantId, keyId), { key, checkedAtMs: sentAtMs });
      return Buffer.from(key);
    } catch (error) {
      if (error instanceof KeyDestroyed) return undefined;
      // An erasure may have destroyed it since the row was read: then this is no failure.
      const isLive = (await liveKeyRows(this.#pool, tenantId, [keyId])).has(keyId);
      if (!isLive) return undefined;
      if (error instanceof KeysUnavailable) return error;
      return new KeysUnavailable("the key provider does not answer", { cause: error });
    }
  }
}

const nameOf = (tenantId: string, keyId: string) => `${tenantId}:${keyId}`;

const isOld = (checkedAtMs: number) => performance.now() - checkedAtMs > CHECK_GOOD_FOR_MS;

function erase(keys: readonly Buffer[]): void {
  for (const key of keys) key.fill(0);
}
