// A store without room: it serves what it has, forgets what it is told to, and stores nothing.
import type { Logger } from "../logger.js";
import { Restriction } from "./restriction.js";

/** @param isOver resolves with whether there is room again; never rejects */
export function fullness(isOver: () => Promise<boolean>, logger: Logger): Restriction {
  return new Restriction({
    isOver,
    began: (reason) =>
      logger.warn(
        `express-tenant-cache: store full (${reason}); what is stored is served, nothing new is stored`,
      ),
    ended: (seconds) => logger.info(`express-tenant-cache: store has room again after ${seconds} s`),
  });
}
