// Who fills which entry, in this process: the leases of the in-process store.
// Tests: test/contract/memory-store.test.ts
import { characterLru } from "./character-lru.js";
import type { HeldLease, LeaseRequest, LeaseState } from "./fill-terms.js";

const MAX_CHARACTERS = 4 * 1024 * 1024;

/** Held for entries of one generation, or, without a holder, the word that the entry is not storable. */
interface Lease {
  readonly holder: string | undefined;
  readonly generation: string;
}

export class MemoryLeases {
  readonly #leases = characterLru<Lease>(MAX_CHARACTERS, ({ generation }) => generation.length);

  take(lease: LeaseRequest | undefined, generation: string): LeaseState {
    if (!lease) return "none";
    const held = this.#leases.get(lease.key);
    if (held && held.holder === undefined) return "skipped";
    if (held?.generation === generation) return "waiting";
    this.#leases.set(lease.key, { holder: lease.holder, generation }, { ttl: lease.ttlMs });
    return "leading";
  }

  drop(lease: HeldLease): void {
    if (this.#leases.get(lease.key)?.holder === lease.holder) this.#leases.delete(lease.key);
  }

  /** Nobody is to wait for it for so long, unless somebody fills it. */
  skip(key: string, skipMs: number): void {
    if (!this.#leases.has(key)) this.#leases.set(key, { holder: undefined, generation: "" }, { ttl: skipMs });
  }
}
