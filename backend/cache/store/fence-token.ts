// The text of a fence: a random token and the time it was set, or the mark of a guarded write under way.
import { randomBytes } from "node:crypto";

/** A fence that starts with this is pending: a guarded write is under way. */
export const PENDING_MARK = "!";

/** 96 random bits, so that a token is never guessed and never used twice. */
export function randomToken(): string {
  return randomBytes(12).toString("base64url");
}

/** The fence that a store writes: `<random>.<milliseconds since the epoch>`. */
export function newFence(nowMs: number): string {
  return `${randomToken()}.${nowMs}`;
}

/** True while a guarded write is under way: nothing may be served or stored. */
export function isPending(fence: string): boolean {
  return fence.startsWith(PENDING_MARK);
}

/** When the youngest of the fences was set, by the store's clock (milliseconds since the epoch). */
export function changedAtMs(fences: readonly string[]): number {
  return Math.max(...fences.map((fence) => Number(fence.slice(fence.lastIndexOf(".") + 1))));
}

/** As `etcSweep` writes it too: names the generation that the fences of a tenant and a module stand for: the first two that an entry carries. */
export function generationOf(fences: readonly (string | null)[]): string {
  return fences
    .slice(0, 2)
    .map((fence) => fence ?? "")
    .join("_");
}
