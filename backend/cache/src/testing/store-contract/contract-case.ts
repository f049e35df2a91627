// What the cases of the contract are written with.
// Tests: test/contract/memory-store.test.ts
import assert from "node:assert/strict";
import type { OptionalPart } from "../../store/store-parts.js";
import { monotonicNow, nextTurn } from "../../timers.js";
import type { Places } from "./places.js";

/** What a store must do, tried on one that nobody else uses meanwhile. */
export interface ContractCase {
  readonly name: string;
  /** Parts of the store without which there is nothing to try. */
  readonly needs: readonly OptionalPart[];
  readonly run: (at: Places) => Promise<void>;
}

/** So that a store which never gets there fails the case, and does not hang the suite. */
const WITHIN_MS = 30_000;

/** @throws AssertionError where it is not so within half a minute */
export async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAtMs = monotonicNow() + WITHIN_MS;
  while (!(await isSo())) {
    if (monotonicNow() >= giveUpAtMs) assert.fail(`waited ${WITHIN_MS / 1000} s: ${what}`);
    await nextTurn();
  }
}

/** Cases by their names, all of which need the same parts. */
export function casesOf(
  needs: readonly OptionalPart[],
  cases: Readonly<Record<string, ContractCase["run"]>>,
): readonly ContractCase[] {
  return Object.entries(cases).map(([name, run]) => ({ name, needs, run }));
}
