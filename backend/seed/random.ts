// Deterministic pseudo-random numbers (mulberry32): the same seed gives the same demo data on every machine.
// Tests: test/integration/demo-data.test.ts

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** Whole number, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws RangeError on an empty list */
  pick<T>(list: readonly T[]): T {
    const picked = list[this.int(0, list.length - 1)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  /** Favours the front of the list: a few values are common, most are rare. */
  pickSkewed<T>(list: readonly T[]): T {
    const picked = list[Math.floor(this.next() ** 2 * list.length)];
    if (picked === undefined) throw new RangeError("nothing to pick from");
    return picked;
  }

  /** The value, or null with the given probability. */
  maybe<T>(value: T, nullProbability: number): T | null {
    return this.chance(nullProbability) ? null : value;
  }

  /** Bell-shaped on a logarithmic scale: many small values, few very large ones. */
  logNormal(median: number, spread: number): number {
    const bell = this.next() + this.next() + this.next() + this.next() - 2;
    return median * Math.exp(bell * spread);
  }

  /** A UUID of version 4 in form. */
  uuid(): string {
    const hex = () =>
      Math.floor(this.next() * 65_536)
        .toString(16)
        .padStart(4, "0");
    const variant = this.pick(["8", "9", "a", "b"]);
    return `${hex()}${hex()}-${hex()}-4${hex().slice(1)}-${variant}${hex().slice(1)}-${hex()}${hex()}${hex()}`;
  }

  /** A moment in business hours between two times, milliseconds since the epoch. */
  workingMoment(fromMs: number, toMs: number): Date {
    const moment = new Date(fromMs + this.next() * (toMs - fromMs));
    const weekday = moment.getUTCDay();
    // Saturday and Sunday become the Friday before.
    if (weekday === 6) moment.setUTCDate(moment.getUTCDate() - 1);
    if (weekday === 0) moment.setUTCDate(moment.getUTCDate() - 2);
    moment.setUTCHours(this.int(8, 17), this.int(0, 59), this.int(0, 59), this.int(0, 999));
    return moment;
  }
}
