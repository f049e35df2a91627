// A store without room: it serves what it has, forgets what it is told to, and stores nothing.
// Tests: test/faults/store-away.test.ts
import type { Logger } from "../logger.js";
import { Restriction } from "./restriction.js";

/** @param write rejects while there is no room */
export function fullness(write: () => Promise<void>, logger: Logger): Restriction {
  return new Restriction({
    isOver: () =>
      write().then(
        () => true,
        () => false,
      ),
    began: (reason) =>
      logger.warn(
        `express-tenant-cache: store full (${reason}); what is stored is served, nothing new is stored`,
      ),
    ended: (seconds) => logger.info(`express-tenant-cache: store has room again after ${seconds} s`),
  });
}
