// The part of each tenant's entries that others cannot push out: those that it stored last, as many bytes as are reserved for it.
// Tests: test/unit/tenant-lru.test.ts

/** What is asked of an entry here. */
export interface Reservable {
  readonly bytes: number;
  readonly expiresAtMs: number;
  /** Whether it was asked for since it came, or since it was last spared. */
  isUsed: boolean;
}

interface Part<I> {
  bytes: number;
  /** The oldest first. */
  readonly entries: Map<string, I>;
}

/** How many entries are looked at, to see whether they have expired, for each that is stored. */
const LOOKED_AT = 4;

/**
 * Memshare's private memory (Cidon et al., ATC 2017). What a tenant stores beyond its reservation makes the
 * oldest of its entries leave for the pool, but for those that were asked for meanwhile: they are spared once.
 */
export class ReservedEntries<I extends Reservable> {
  readonly #byKey = new Map<string, { readonly tenant: string; readonly entry: I }>();
  readonly #parts = new Map<string, Part<I>>();
  #bytes = 0;
  #turn: Iterator<[string, { readonly entry: I }]> | undefined;
  #shrinking: Iterator<[string, Part<I>]> | undefined;

  get bytes(): number {
    return this.#bytes;
  }

  get size(): number {
    return this.#byKey.size;
  }

  get(key: string): I | undefined {
    return this.#byKey.get(key)?.entry;
  }

  entries(): [string, I][] {
    return [...this.#byKey].map(([key, { entry }]) => [key, entry]);
  }

  /** Adds an entry. @returns those that leave, the oldest first */
  add(tenant: string, key: string, entry: I, reservedBytes: number): [string, I][] {
    if (entry.bytes > reservedBytes) return [[key, entry]];
    let part = this.#parts.get(tenant);
    if (!part) {
      part = { bytes: 0, entries: new Map() };
      this.#parts.set(tenant, part);
    }
    part.entries.set(key, entry);
    part.bytes += entry.bytes;
    this.#byKey.set(key, { tenant, entry });
    this.#bytes += entry.bytes;
    return this.#shrink(tenant, part, reservedBytes);
  }

  delete(key: string): I | undefined {
    const found = this.#byKey.get(key);
    if (!found) return undefined;
    const { tenant, entry } = found;
    this.#byKey.delete(key);
    this.#bytes -= entry.bytes;
    const part = this.#parts.get(tenant);
    if (part?.entries.delete(key)) part.bytes -= entry.bytes;
    if (part?.entries.size === 0) this.#parts.delete(tenant);
    return entry;
  }

  clear(): void {
    this.#byKey.clear();
    this.#parts.clear();
    this.#bytes = 0;
  }

  /** A few entries in turn. @returns those of them that have expired */
  expired(nowMs: number): string[] {
    const expired: string[] = [];
    for (let looked = 0; looked < LOOKED_AT; looked++) {
      this.#turn ??= this.#byKey.entries();
      const { done, value } = this.#turn.next();
      if (done) this.#turn = undefined;
      else if (value[1].entry.expiresAtMs <= nowMs) expired.push(value[0]);
    }
    return expired;
  }

  /** Where there are more tenants than can have their reservation, it is less. @returns what leaves for that */
  give(reservedBytes: number): [string, I][] {
    for (let round = 0; round <= this.#parts.size; round++) {
      this.#shrinking ??= this.#parts.entries();
      const { done, value } = this.#shrinking.next();
      if (done) this.#shrinking = undefined;
      else if (value[1].bytes > reservedBytes) return this.#shrink(value[0], value[1], reservedBytes);
    }
    return [];
  }

  #shrink(tenant: string, part: Part<I>, reservedBytes: number): [string, I][] {
    const leaving: [string, I][] = [];
    let spared = part.entries.size;
    for (const [key, entry] of part.entries) {
      if (part.bytes <= reservedBytes) break;
      if (entry.isUsed && spared-- > 0) {
        entry.isUsed = false;
        part.entries.delete(key);
        part.entries.set(key, entry);
      } else {
        this.delete(key);
        leaving.push([key, entry]);
      }
    }
    if (part.entries.size === 0) this.#parts.delete(tenant);
    return leaving;
  }
}
