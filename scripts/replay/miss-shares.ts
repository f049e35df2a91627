// Why the replayed requests missed, as shares of all that did.
import type { MissReason } from "express-tenant-cache";

export type MissReasons = Readonly<Record<MissReason, number>>;

/** Between 0 and 1; all of them 0 where nothing has missed. */
export type MissShares = MissReasons;

/** Of all misses: nobody is helped by "unknown". */
export const UNKNOWN_BELOW = 0.01;

export function sharesOf(reasons: MissReasons): MissShares {
  const all = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  const shares = Object.entries(reasons).map(([reason, count]) => [reason, all === 0 ? 0 : count / all]);
  return Object.fromEntries(shares) as MissShares;
}

/** The most frequent first. */
export function missesInWords(shares: MissShares): string {
  const told = Object.entries(shares)
    .sort(([, one], [, other]) => other - one)
    .map(([reason, share]) => `${reason} ${(share * 100).toFixed(1)} %`);
  return `why it missed: ${told.join(", ")}`;
}
