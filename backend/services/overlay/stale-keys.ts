// Keys of the cache that a change makes stale: noted in its transaction, so that no process can die in between and leave them.
// Tests: test/faults/overlay-killed.test.ts
import type { TenantCache } from "express-tenant-cache";
import type { Pool, PoolClient } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";

export interface StaleNote {
  readonly id: string;
  /** Whether the cache's store has confirmed what was dropped. Where it was away, this process alone knows of it. */
  readonly isHeard: boolean;
}

/** Above what a change takes that is still under way: its process is dead. */
const LEFT_BEHIND_AFTER_SECONDS = 5;
const REPAIRED_AT_ONCE = 200;

export class StaleKeys {
  readonly #pool: Pool;
  readonly #cache: TenantCache;
  #heard: string[] = [];
  #forgetting: Promise<void> | undefined;

  constructor({ pool, cache }: { readonly pool: Pool; readonly cache: TenantCache }) {
    this.#pool = pool;
    this.#cache = cache;
  }

  /**
   * A change in a transaction of the tenant, and then the caches of what it touches, whatever became of it.
   * @param noted all keys that it makes stale, for whoever has to repair
   * @param dropped those of them that nobody else replaces
   */
  async changing<Result>(
    tenantId: string,
    noted: readonly string[],
    dropped: readonly string[],
    change: (client: PoolClient) => Promise<Result>,
  ): Promise<{ readonly result: Result; readonly note: StaleNote }> {
    let isHeard = false;
    let changed: { readonly result: Result; readonly id: string };
    try {
      changed = await withTenant(this.#pool, tenantId, async (client) => {
        const id = await this.#note(client, tenantId, noted);
        return { result: await change(client), id };
      });
    } finally {
      isHeard = await this.drop(tenantId, dropped);
    }
    return { result: changed.result, note: { id: changed.id, isHeard } };
  }

  /** In the transaction of the change. */
  async #note(client: PoolClient, tenantId: string, keys: readonly string[]): Promise<string> {
    const { rows } = await client.query<{ id: string }>(
      "INSERT INTO overlay_stale_keys (tenant_id, keys) VALUES ($1, $2) RETURNING id",
      [tenantId, keys],
    );
    return rows[0]?.id ?? "";
  }

  /**
   * After the change, whether it is known to be committed or not. Reads that begin afterwards, in any process, do not see the state from
   * before it; nor are loads stored that began before.
   * @returns whether the store has confirmed; else that is done when it is back, unless this process dies before
   */
  async drop(tenantId: string, keys: readonly string[]): Promise<boolean> {
    return keys.length === 0 || (await this.#cache.manager.tenant(tenantId).delete(...keys));
  }

  /**
   * The caches have heard of it. Nobody waits for that: a note that stays is only repaired once too often. One
   * that they have not heard of stays.
   */
  forget({ id, isHeard }: StaleNote): void {
    if (!isHeard) return;
    this.#heard.push(id);
    this.#forgetting ??= this.#forget();
  }

  /**
   * Does what processes left undone that died between a change and its caches. What the store does not confirm
   * stays for the next time.
   * @returns how many changes that were
   */
  async repair(): Promise<number> {
    // As the owner of the table: a note is about keys, which hold pseudonyms, and nobody knows which tenants have one.
    const { rows } = await this.#pool.query<{ tenant_id: string; id: string; keys: string[] }>(
      `SELECT tenant_id, id, keys FROM overlay_stale_keys
       WHERE created_at < now() - make_interval(secs => $1) ORDER BY created_at LIMIT $2`,
      [LEFT_BEHIND_AFTER_SECONDS, REPAIRED_AT_ONCE],
    );
    const done: string[] = [];
    for (const { tenant_id: tenantId, id, keys } of rows) if (await this.drop(tenantId, keys)) done.push(id);
    await this.#remove(done);
    return done.length;
  }

  /** Resolves once what was heard of is forgotten. */
  async idle(): Promise<void> {
    while (this.#forgetting) await this.#forgetting;
  }

  async #forget(): Promise<void> {
    try {
      while (this.#heard.length > 0) {
        const ids = this.#heard;
        this.#heard = [];
        // Where the database is away, repair finds them.
        await this.#remove(ids).catch(() => {});
      }
    } finally {
      this.#forgetting = undefined;
    }
  }

  async #remove(ids: readonly string[]): Promise<void> {
    if (ids.length > 0) await this.#pool.query("DELETE FROM overlay_stale_keys WHERE id = ANY($1)", [ids]);
  }
}
