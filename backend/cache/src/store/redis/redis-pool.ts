// The pool in Redis: keeps the ledger of what tenants hold beyond their reservations, and has the largest make room.
// Tests: test/integration/tenant-sharing.test.ts
import type { KeySpace } from "../key-space.js";
import type { SharingTerms } from "../sharing-terms.js";
import type { BookRepairs } from "./book-repairs.js";
import { messageOf, refusesForGood } from "./error-messages.js";
import type { Servers } from "./servers.js";

/** Each takes a thousand entries at most. What is left over is the next store's. */
const MAX_ROUNDS = 8;
/** While at it, so much more: not each of the next entries has to make room. */
const SPARE = 1 / 64;

export class RedisPool {
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  readonly #repairs: BookRepairs;
  readonly #terms: SharingTerms;
  readonly #notice: (notice: string) => void;
  readonly #waiting = new Map<string, number>();
  #work: Promise<void> | undefined;
  #isTold = false;

  constructor(
    servers: Servers,
    keys: KeySpace,
    repairs: BookRepairs,
    terms: SharingTerms,
    notice: (notice: string) => void,
  ) {
    this.#servers = servers;
    this.#keys = keys;
    this.#repairs = repairs;
    this.#terms = terms;
    this.#notice = notice;
  }

  /** Behind a store: what the tenant's entries count now. What comes meanwhile is noted together. */
  note(tenant: string, bytes: number): void {
    this.#waiting.set(tenant, bytes);
    // Where the server is away its entries cannot be stored either, and the next store notes what there is.
    this.#work ??= this.#workOff()
      .catch((error: unknown) => {
        this.#waiting.clear();
        if (refusesForGood(error)) this.#tell(error);
      })
      .finally(() => {
        this.#work = undefined;
      });
  }

  async idle(): Promise<void> {
    await this.#work;
  }

  #tell(error: unknown): void {
    if (this.#isTold) return;
    this.#isTold = true;
    this.#notice(
      `maxPooledBytes is not kept (${messageOf(error)}); ACL: allow ~ with the keyPrefix and pool, and what the least user may do`,
    );
  }

  async #workOff(): Promise<void> {
    for (const [tenant, bytes] of this.#waiting) {
      this.#waiting.delete(tenant);
      await this.#settle(tenant, bytes);
    }
  }

  async #settle(tenant: string, bytes: number): Promise<void> {
    const { reservedBytesPerTenant, maxPooledBytes } = this.#terms;
    let [noted, held] = [tenant, bytes];
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const pooled = Math.max(0, held - reservedBytesPerTenant);
      const largest = await this.#notePooled(noted, pooled);
      if (!largest) return;
      const surplus = largest.sum - maxPooledBytes * (1 - SPARE);
      const keep = reservedBytesPerTenant + Math.max(0, Math.floor(largest.pooled - surplus));
      noted = largest.tenant;
      held = await this.#trim(noted, keep);
    }
  }

  async #notePooled(
    tenant: string,
    pooled: number,
  ): Promise<{ readonly tenant: string; readonly pooled: number; readonly sum: number } | undefined> {
    const pool = this.#keys.pool();
    const args = [tenant, pooled, this.#terms.maxPooledBytes];
    const note = () => this.#servers.run(pool, (link) => link.script("notePooled", [pool], args));
    const reply = await this.#repairs.aroundPool(note);
    const [largest, its, sum] = reply as (string | number)[];
    return largest === undefined
      ? undefined
      : { tenant: String(largest), pooled: Number(its), sum: Number(sum) };
  }

  async #trim(tenant: string, keep: number): Promise<number> {
    const keys = this.#keys;
    const books = [keys.fence(tenant), keys.generations(tenant), keys.ledger(tenant)];
    const args = [keys.indexes(tenant), keep];
    const trim = () =>
      this.#servers.run(keys.fence(tenant), (link) => link.script("trimTenant", books, args));
    const reply = await this.#repairs.around(tenant, [], trim);
    return Number((reply as (string | number)[])[0]);
  }
}
