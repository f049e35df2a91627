// Waits for a database that may hang: not longer than a request may wait.
// Tests: test/faults/audit-policy.test.ts
import { NotDurable } from "../audit-unavailable.js";

/** @throws NotDurable where it takes longer, milliseconds; what `work` does goes on */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new NotDurable(`the database did not answer within ${ms} ms`)), ms);
  });
  // Nobody may be there any more to hear of it.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
