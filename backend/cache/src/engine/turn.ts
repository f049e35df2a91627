// The end of a turn of the event loop, for answers that need not wait for the store.
// Tests: test/integration/lookups.test.ts
import { setImmediate } from "../timers.js";

let ending: Promise<void> | undefined;

/**
 * Resolves when all sockets that are readable in this turn have been read. A first answer wakes its client:
 * one that is sent between two reads has the client, the kernel and this process take turns, and costs up to
 * half as much again as one that is sent with the others. A promise, and not a list of functions, because
 * each request has an async context of its own.
 */
export function endOfTurn(): Promise<void> {
  ending ??= new Promise((resolve) => {
    setImmediate(() => {
      ending = undefined;
      resolve();
    });
  });
  return ending;
}
