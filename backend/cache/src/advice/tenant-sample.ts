// The sampled keys of one tenant, or of all that are not told apart: SHARDS of a fixed number of keys.
import { DistanceCurve } from "./distance-curve.js";
import { Recency } from "./recency.js";
import type { SampleColumns } from "./sample-columns.js";
import { SAMPLE_SPACE } from "./text-hash.js";

/** What a hash costs in its map, as measured on V8; rounded up. */
const HASH_BYTES = 72;

export class TenantSample {
  /** Absent: all others. */
  readonly name: string | undefined;
  readonly curve = new DistanceCurve();
  /** All of them, sampled or not. */
  requests = 0;
  /** Of how many requests the sampled ones stand for. */
  weight = 0;
  /** Keys with a lesser hash are sampled. */
  threshold = SAMPLE_SPACE;
  /** Requests of late, in the units of whoever ranks tenants. */
  recent = 0;
  /** How often something of it was invalidated. */
  invalidations = 0;
  readonly #columns: SampleColumns;
  readonly #places = new Map<number, number>();
  readonly #recency: Recency;
  #maxKeys: number;

  constructor(name: string | undefined, columns: SampleColumns, maxKeys: number) {
    this.name = name;
    this.#columns = columns;
    this.#maxKeys = maxKeys;
    this.#recency = new Recency(columns, maxKeys);
  }

  /** Between 0 and 1. */
  get rate(): number {
    return this.threshold / SAMPLE_SPACE;
  }

  get keys(): number {
    return this.#places.size;
  }

  get byteLength(): number {
    return this.#recency.byteLength + this.curve.byteLength + this.#places.size * HASH_BYTES;
  }

  /** Bytes of all keys that were asked for, sampled or not. */
  get workingSetBytes(): number {
    return this.#recency.totalBytes / this.rate;
  }

  /** How many more requests there were than the sampled ones stand for. */
  get surplus(): number {
    return this.requests - this.weight;
  }

  placeOf(hash: number): number | undefined {
    return this.#places.get(hash);
  }

  places(): Iterable<number> {
    return this.#places.values();
  }

  /** @returns `undefined` where the key is the one that is one too many */
  admit(hash: number): number | undefined {
    if (this.#places.size >= this.#maxKeys) {
      const greatest = this.#greatest();
      this.threshold = Math.max(hash, greatest);
      if (hash > greatest) return undefined;
      this.#drop(greatest);
    }
    const place = this.#columns.take();
    this.#columns.position[place] = 0;
    this.#places.set(hash, place);
    return place;
  }

  /** Bytes of the other keys that were asked for since this one was; `undefined` for the first time. */
  touch(place: number): number | undefined {
    const isFirst = this.#columns.position[place] === 0;
    const distance = isFirst ? undefined : this.#recency.since(place) / this.rate;
    if (!isFirst) this.#recency.remove(place);
    this.#recency.append(place, this.#places.values());
    return distance;
  }

  resize(place: number, bytes: number): void {
    this.#recency.resize(place, bytes);
  }

  /** Keeps at most so many keys. */
  limit(maxKeys: number): void {
    this.#maxKeys = maxKeys;
    while (this.#places.size > maxKeys) {
      this.threshold = this.#greatest();
      this.#drop(this.threshold);
    }
    this.#recency.rebuild(this.#places.values(), maxKeys);
  }

  /** Its places are free for others. */
  close(): void {
    for (const place of this.#places.values()) this.#columns.release(place);
    this.#places.clear();
  }

  /** Of the sampled keys, the one that a slightly lower threshold would not have sampled. */
  #greatest(): number {
    let greatest = 0;
    for (const hash of this.#places.keys()) if (hash > greatest) greatest = hash;
    return greatest;
  }

  #drop(hash: number): void {
    const place = this.#places.get(hash);
    if (place === undefined) return;
    if (this.#columns.position[place] !== 0) this.#recency.remove(place);
    this.#columns.release(place);
    this.#places.delete(hash);
  }
}
