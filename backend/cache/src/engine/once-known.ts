// Which keys were remembered once, after they have been forgotten: a Bloom filter (Bloom, CACM 1970) of some 30,000 to 60,000 of them.
// Tests: test/unit/once-known.test.ts
import { mixed, textHash } from "../advice/text-hash.js";

/** 64 KiB. */
const BITS = 2 ** 19;
const HASHES = 5;
/** Then one in 700 that was never there is taken for one that was. */
const MAX_KEYS = BITS / 16;

/** Two of them in turn: when the younger one is full, the older one is begun anew. */
export class OnceKnown {
  #young: Uint32Array | undefined;
  #old: Uint32Array | undefined;
  #keys = 0;

  add(key: string): void {
    this.#young ??= new Uint32Array(BITS / 32);
    if (this.#keys++ >= MAX_KEYS) {
      const oldest = this.#old ?? new Uint32Array(BITS / 32);
      this.#old = this.#young;
      this.#young = oldest.fill(0);
      this.#keys = 1;
    }
    for (const bit of bitsOf(key)) this.#young[bit >>> 5] = (this.#young[bit >>> 5] ?? 0) | (1 << (bit & 31));
  }

  has(key: string): boolean {
    const bits = bitsOf(key);
    return [this.#young, this.#old].some((filter) =>
      bits.every((bit) => filter !== undefined && ((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) !== 0),
    );
  }
}

/** By double hashing (Kirsch and Mitzenmacher, ESA 2006). */
function bitsOf(key: string): readonly number[] {
  const first = textHash(key);
  const step = mixed(first ^ 0x9e3779b9) | 1;
  return Array.from({ length: HASHES }, (_, n) => (first + Math.imul(n, step)) & (BITS - 1));
}
