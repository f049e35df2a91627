// Names that somebody may have meant: those that differ from what was written by a slip or two.
// Tests: test/unit/refusals/schema.test.ts, test/unit/refusals/cache-options.test.ts

/**
 * The nearest of the names, where it is near: at most a third of its letters are wrong, missing, too many or
 * swapped.
 */
export function nearest(written: string, names: Iterable<string>): string | undefined {
  const folded = fold(written);
  let best: string | undefined;
  let fewest = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const slips = distance(folded, fold(name));
    if (slips < fewest && slips <= Math.max(1, Math.floor(name.length / 3))) {
      fewest = slips;
      best = name;
    }
  }
  return best;
}

/** As names are compared: `max_age`, `max-age` and `maxAge` are the same. */
export function fold(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_-]/g, "");
}

/** Optimal string alignment: letters replaced, added, left out, or swapped with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const line = [row];
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1];
      let cost = Math.min(
        (above[column] ?? 0) + 1,
        (line[column - 1] ?? 0) + 1,
        (above[column - 1] ?? 0) + (isSame ? 0 : 1),
      );
      const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
      if (row > 1 && column > 1 && isSwapped) cost = Math.min(cost, (before[column - 2] ?? 0) + 1);
      line.push(cost);
    }
    before = above;
    above = line;
  }
  return above[b.length] ?? 0;
}
