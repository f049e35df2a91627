// Seeded random numbers, so that a run's choices can be repeated (its timing cannot).

/** A source of numbers in [0, 1): mulberry32. */
export type Random = () => number;

export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of `choices`, which must not be empty; small indexes more often where `skew` is above 1. */
export function pick<T>(random: Random, choices: readonly T[], skew = 1): T {
  const chosen = choices[Math.floor(random() ** skew * choices.length)];
  if (chosen === undefined) throw new RangeError("there is nothing to pick from");
  return chosen;
}

/** A whole number from `low` to `high`, both included. */
export function between(random: Random, low: number, high: number): number {
  return low + Math.floor(random() * (high - low + 1));
}
