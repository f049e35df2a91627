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
    const young = this.#young;
    const first = textHash(key);
    const step = stepOf(first);
    for (let n = 0; n < HASHES; n++) {
      const bit = bitOf(first, step, n);
      young[bit >>> 5] = (young[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  has(key: string): boolean {
    const first = textHash(key);
    const step = stepOf(first);
    return hasAll(this.#young, first, step) || hasAll(this.#old, first, step);
  }
}

function hasAll(filter: Uint32Array | undefined, first: number, step: number): boolean {
  if (!filter) return false;
  for (let n = 0; n < HASHES; n++) {
    const bit = bitOf(first, step, n);
    if (((filter[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
  }
  return true;
}

// By double hashing (Kirsch and Mitzenmacher, ESA 2006).

function stepOf(first: number): number {
  return mixed(first ^ 0x9e3779b9) | 1;
}

function bitOf(first: number, step: number, n: number): number {
  return (first + Math.imul(n, step)) & (BITS - 1);
}
