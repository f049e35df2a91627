// The text of a fence: a random token and the time it was set, or the mark of a guarded write under way.
// Tests: test/integration/forged-fences.test.ts

/*
 *   fence   = token "." milliseconds      set, and when, by the store's clock, since the epoch
 *           | "!" anything                pending: a guarded write is under way
 *           | fence "~" anything           URLs were forgotten since: see engine/forgotten-urls.ts
 *           | "+" fence                    made because none was there: nobody has invalidated
 *   token                                 at least 96 random bits, never used twice; the feed's also say up to where in
 *                                         the database's log it has seen: see feed/log-position.ts
 *
 * All of it is printable ASCII without a comma: entries carry fences and the run id as one text, with commas between them. `settleMs`
 * reads the milliseconds, `guard` the mark.
 */

import { randomFillSync } from "node:crypto";

/** A fence that starts with this is pending: a guarded write is under way. By itself it is such a fence. */
export const PENDING_MARK = "!";

/**
 * How long a fence is set for at first. Each entry that is stored makes its fences outlive it, where that is longer, so that a fence does
 * not cut its own entries off by expiring.
 */
export const FENCE_TTL_MS = 31 * 86_400_000;

const TOKEN_BYTES = 12;
// Drawn for many tokens at once: a call for each costs more than all else that a token takes.
const pool = Buffer.alloc(TOKEN_BYTES * 256);
let drawn = pool.length;

/** 96 random bits, so that a token is never guessed and never used twice. */
export function randomToken(): string {
  if (drawn === pool.length) {
    randomFillSync(pool);
    drawn = 0;
  }
  drawn += TOKEN_BYTES;
  return pool.toString("base64url", drawn - TOKEN_BYTES, drawn);
}

/**
 * A fence that is set now: `<random>.<milliseconds since the epoch>`.
 *
 * @param nowMs the store's clock, which `FillStart.nowMs` tells too
 * @param mark see `Store.replaceFences`
 */
export function newFence(nowMs: number, mark = ""): string {
  return `${randomToken()}${mark}.${nowMs}`;
}

/** What a fence begins with that a fill has made, because none was there. */
export const MADE_MARK = "+";

/** True while a guarded write is under way: nothing may be served or stored. */
export function isPending(fence: string): boolean {
  return fence.startsWith(PENDING_MARK);
}

/**
 * When the youngest of the fences was set, by the store's clock (milliseconds since the epoch). `NaN` where
 * one does not say it.
 */
export function changedAtMs(fences: readonly string[]): number {
  return Math.max(...fences.map((fence) => Number(/\.(\d+)(?:~[^.]*)?$/.exec(fence)?.[1])));
}

/**
 * As `etcSweep` writes it too: names the generation that the fences of a tenant and a module stand for: the
 * first two that an entry carries.
 */
export function generationOf(fences: readonly (string | null)[]): string {
  return fences
    .slice(0, 2)
    .map((fence) => fence ?? "")
    .join("_");
}

/**
 * Whether these are the very fences that a fill began with: the current ones, `null` where one is missing.
 */
export function areSame(current: readonly (string | null)[], begun: readonly string[]): boolean {
  return current.length === begun.length && current.every((fence, index) => fence === begun[index]);
}
