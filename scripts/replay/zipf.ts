// Zipf's law: the k-th most popular of n things is asked for with a weight of 1 / k^s.
import type { Random } from "../../backend/seed/random.js";

/** Picks indexes from 0 on, the most popular first. */
export class Zipf {
  readonly #cumulative: readonly number[];

  /**
   * @param count how many there are, at least one
   * @param exponent 0: all alike; 1: the second is asked for half as often as the first
   */
  constructor(count: number, exponent: number) {
    let sum = 0;
    this.#cumulative = Array.from({ length: count }, (_, k) => {
      sum += 1 / (k + 1) ** exponent;
      return sum;
    });
  }

  pick(random: Random): number {
    const point = random.next() * (this.#cumulative.at(-1) ?? 0);
    return Math.max(
      0,
      this.#cumulative.findIndex((sum) => point < sum),
    );
  }
}
