// The same work for many, a few at a time: a batch must not take all connections from everybody else.
// Tests: test/unit/overlay-values.test.ts

const AT_ONCE = 3;

/** Results in the order of the items. Rejects with the first failure, once what had begun has ended. */
export async function fewAtOnce<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = new Array(items.length);
  const left = items.entries();
  let isFailed = false;
  const worker = async () => {
    // All workers take from the same entries.
    for (const [index, item] of left) {
      if (isFailed) return;
      try {
        results[index] = await work(item);
      } catch (error) {
        isFailed = true;
        throw error;
      }
    }
  };
  const outcomes = await Promise.allSettled(Array.from({ length: AT_ONCE }, worker));
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}
