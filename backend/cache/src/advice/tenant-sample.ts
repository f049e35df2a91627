// The sampled keys of one tenant, or of all that are not told apart: SHARDS of a fixed number of keys, with a threshold for each route.
import { DistanceCurve } from "./distance-curve.js";
import { Recency } from "./recency.js";
import { MAX_ROUTES, type SampleColumns } from "./sample-columns.js";
import { SAMPLE_SPACE } from "./text-hash.js";

/** What a hash costs in its map, as measured on V8; rounded up. */
const HASH_BYTES = 72;
/** Of the keys of a route, what goes at a time: all weights of the sample follow from its threshold. */
const DROPPED = 1 / 16;

export class TenantSample {
  /** Absent: all others. */
  readonly name: string | undefined;
  readonly curve = new DistanceCurve();
  /** All of them, sampled or not. */
  requests = 0;
  /** Of how many requests the sampled ones stand for. */
  weight = 0;
  /** Keys with a lesser hash are sampled; for each route. */
  readonly #thresholds = new Uint32Array(MAX_ROUTES).fill(SAMPLE_SPACE);
  readonly #counts = new Uint16Array(MAX_ROUTES);
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
    this.#recency = new Recency(columns, maxKeys, (place) => this.weightOf(columns.route[place] ?? 0));
  }

  /** Of all keys that were asked for, the share that is sampled, between 0 and 1. */
  get rate(): number {
    let all = 0;
    for (const [route, count] of this.#counts.entries()) all += count * this.weightOf(route);
    return all === 0 ? 1 : this.#places.size / all;
  }

  get keys(): number {
    return this.#places.size;
  }

  get byteLength(): number {
    const routes = this.#thresholds.byteLength + this.#counts.byteLength;
    return routes + this.#recency.byteLength + this.curve.byteLength + this.#places.size * HASH_BYTES;
  }

  /** Bytes of all keys that were asked for, sampled or not. */
  get workingSetBytes(): number {
    return this.#recency.totalBytes;
  }

  /** How many more requests there were than the sampled ones stand for. */
  get surplus(): number {
    return this.requests - this.weight;
  }

  samples(hash: number, route: number): boolean {
    return hash < (this.#thresholds[route] ?? 0);
  }

  /** Of how many requests, or keys, of a route each sampled one stands for. */
  weightOf(route: number): number {
    return SAMPLE_SPACE / (this.#thresholds[route] || 1);
  }

  placeOf(hash: number): number | undefined {
    return this.#places.get(hash);
  }

  places(): Iterable<number> {
    return this.#places.values();
  }

  /** @returns `undefined` where the key is one that is too many */
  admit(hash: number, route: number): number | undefined {
    if (this.#places.size >= this.#maxKeys) {
      this.#drop();
      this.#recency.rebuild(this.#places.values(), this.#maxKeys);
    }
    if (!this.samples(hash, route)) return undefined;
    const place = this.#columns.take();
    this.#columns.position[place] = 0;
    this.#columns.route[place] = route;
    this.#counts[route] = (this.#counts[route] ?? 0) + 1;
    this.#places.set(hash, place);
    return place;
  }

  /** Bytes of the other keys that were asked for since this one was; `undefined` for the first time. */
  touch(place: number): number | undefined {
    const isFirst = this.#columns.position[place] === 0;
    const distance = isFirst ? undefined : this.#recency.since(place);
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
    while (this.#places.size > maxKeys) this.#drop();
    this.#recency.rebuild(this.#places.values(), maxKeys);
  }

  /** Its places are free for others. */
  close(): void {
    for (const place of this.#places.values()) this.#columns.release(place);
    this.#places.clear();
    this.#counts.fill(0);
  }

  /**
   * Lowers the threshold of the route that has the most keys: one with few is known by all of them, where a
   * sample of few would say little. The order of use is to be built anew.
   */
  #drop(): void {
    const route = this.#counts.indexOf(Math.max(...this.#counts));
    const hashes: number[] = [];
    for (const [hash, place] of this.#places) if (this.#columns.route[place] === route) hashes.push(hash);
    hashes.sort((one, other) => other - one);
    const dropped = hashes.slice(0, Math.max(1, Math.floor(hashes.length * DROPPED)));
    this.#thresholds[route] = dropped.at(-1) ?? 0;
    this.#counts[route] = hashes.length - dropped.length;
    for (const hash of dropped) {
      const place = this.#places.get(hash);
      if (place !== undefined) this.#columns.release(place);
      this.#places.delete(hash);
    }
  }
}
