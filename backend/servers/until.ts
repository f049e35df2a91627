// Waits until something is so, however busy the machine is, and says what it was where it never becomes so.
import { setTimeout as delay } from "node:timers/promises";

/** Longer than anything takes on a machine that is held up, and shorter than a suite may. */
const SETTLES_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 20;

export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  withinMs = SETTLES_WITHIN_MS,
): Promise<void> {
  const giveUpAtMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > giveUpAtMs) throw new Error(`${what}: not within ${withinMs} ms`);
    await delay(LOOK_EVERY_MS);
  }
}
