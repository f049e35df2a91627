// The order in which sampled keys were last asked for, and the bytes of those that were asked for since: a Fenwick tree.
// Tests: test/unit/tenant-sample.test.ts
import type { SampleColumns } from "./sample-columns.js";

export class Recency {
  readonly #columns: SampleColumns;
  readonly #weightOf: (place: number) => number;
  #tree: Float64Array;
  #next = 1;
  #total = 0;

  /**
   * @param maxKeys that are in the order at a time
   * @param weightOf how many keys a sampled one stands for: where that changes, the order is built anew
   */
  constructor(columns: SampleColumns, maxKeys: number, weightOf: (place: number) => number) {
    this.#columns = columns;
    this.#weightOf = weightOf;
    this.#tree = new Float64Array(2 * maxKeys + 1);
  }

  get byteLength(): number {
    return this.#tree.byteLength;
  }

  /** Bytes of all keys in the order, and of those that they stand for. */
  get totalBytes(): number {
    return this.#total;
  }

  /** Bytes of the keys that were asked for since this one was. */
  since(place: number): number {
    let before = 0;
    for (let at = this.#columns.position[place] ?? 0; at > 0; at -= at & -at) before += this.#tree[at] ?? 0;
    return Math.max(0, this.#total - before);
  }

  /** Puts a key that is not in the order last. */
  append(place: number, keys: Iterable<number>): void {
    if (this.#next === this.#tree.length) this.rebuild(keys, (this.#tree.length - 1) / 2);
    this.#columns.position[place] = this.#next++;
    this.#add(place, this.#columns.bytes[place] ?? 0);
  }

  remove(place: number): void {
    this.#add(place, -(this.#columns.bytes[place] ?? 0));
    this.#columns.position[place] = 0;
  }

  /** A key of the order has another size. */
  resize(place: number, bytes: number): void {
    this.#add(place, bytes - (this.#columns.bytes[place] ?? 0));
    this.#columns.bytes[place] = bytes;
  }

  /** Begins anew with these keys, in the order in which they are. */
  rebuild(keys: Iterable<number>, maxKeys: number): void {
    const { position, bytes } = this.#columns;
    const places = [...keys].filter((place) => position[place] !== 0);
    places.sort((one, other) => (position[one] ?? 0) - (position[other] ?? 0));
    this.#tree = new Float64Array(2 * maxKeys + 1);
    this.#next = 1;
    this.#total = 0;
    for (const place of places) {
      position[place] = this.#next++;
      this.#add(place, bytes[place] ?? 0);
    }
  }

  #add(place: number, bytes: number): void {
    const weighted = bytes * this.#weightOf(place);
    this.#total += weighted;
    const tree = this.#tree;
    for (let at = this.#columns.position[place] ?? 0; at > 0 && at < tree.length; at += at & -at)
      tree[at] = (tree[at] ?? 0) + weighted;
  }
}
