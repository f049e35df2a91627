// A hash of short texts that spreads well over all 32 bits, for sampling and comparing; not for whoever could choose them to collide.
// Tests: test/unit/tenant-sample.test.ts

/** FNV-1a, with the finalizer of MurmurHash3: an unsigned number of 32 bits. */
export function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return mixed(hash);
}

/** The same for a number. */
export function mixed(hash: number): number {
  let bits = hash;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

/** Hashes of sampled keys are below this: V8 keeps numbers of 31 bits in their places. */
export const SAMPLE_SPACE = 2 ** 31;

/**
 * What an entry is sampled by: the hash in its key, which is that of the request alone, and whose entry it is.
 *
 * @param hex as keys end with it
 */
export function sampleOf(hex: string, tenant: string, module: string): number {
  return (Number.parseInt(hex.slice(0, 8), 16) ^ textHash(`${tenant} ${module}`)) >>> 1;
}
