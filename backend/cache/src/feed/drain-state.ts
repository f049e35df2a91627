// What one turn of the drain concludes from a look at the database: what to fence, and what to know at the next turn.
// Tests: test/unit/feed-drain-state.test.ts
import type { Glimpse } from "./feed-queries.js";
import { openBelow, parseSnapshot } from "./snapshot.js";

/** Kept in the store, so that the next process goes on where this one has ended. */
export interface DrainState {
  /** Of the one life of the database that snapshots are comparable in. */
  readonly server: string;
  readonly marker: string;
  /** All that it shows is fenced. */
  readonly last: string;
  readonly overflows: string;
  /** Entries carry it: a new one cuts all covered ones off. */
  readonly epoch: string;
  /** Modules that are not covered at present. */
  readonly uncovered: readonly string[];
  /** Present after an overflow, while transactions may be open that were not noted. */
  readonly watch?: Watch;
}

interface Watch {
  /** All of them are below. */
  readonly below: string;
  /** Those that were open at the last turn; absent: it is not known yet. */
  readonly open?: readonly string[];
}

/** Why everything is cut off. */
export type EpochCause = "begun" | "overflow" | "unnoted" | "all-tenants" | "too-many" | "coverage";

export interface Conclusion {
  /** Present where a new epoch is needed. */
  readonly cause: EpochCause | undefined;
  /** Whether {@link DrainState.watch} must get a bound. */
  readonly hasOverflowed: boolean;
  readonly watch: Watch | undefined;
}

/** `undefined` where the state is of another life of the database, or of another feed. */
export function readState(text: string | null): DrainState | undefined {
  if (text === null) return undefined;
  try {
    const state = JSON.parse(text) as DrainState;
    parseSnapshot(state.last);
    return state;
  } catch {
    return undefined;
  }
}

/** By what it says of itself. */
export function isOfOneLife(state: DrainState | undefined, { server, marker }: Glimpse): boolean {
  return state !== undefined && state.server === server && state.marker === marker;
}

/**
 * Whether the database goes on where it was left. A machine that goes on from an earlier image of its memory has marker and start
 * time as they were: its transactions go backwards.
 */
export function isContinued(state: DrainState | undefined, glimpse: Glimpse): state is DrainState {
  if (state === undefined || !isOfOneLife(state, glimpse)) return false;
  const [last, now] = [parseSnapshot(state.last), parseSnapshot(glimpse.snapshot)];
  return now.xmax >= last.xmax && now.xmin >= last.xmin;
}

export function conclude(state: DrainState, glimpse: Glimpse, uncovered: readonly string[]): Conclusion {
  const hasOverflowed = state.overflows !== glimpse.overflows;
  const { watch, hasEnded } = watched(state.watch, glimpse);
  let cause: EpochCause | undefined;
  if (hasOverflowed) cause = "overflow";
  else if (hasEnded) cause = "unnoted";
  else if (glimpse.changes === undefined) cause = "too-many";
  else if (glimpse.changes.some(({ tenant }) => tenant === "*")) cause = "all-tenants";
  else if (uncovered.join() !== state.uncovered.join()) cause = "coverage";
  return { cause, hasOverflowed, watch };
}

/** What was not noted takes effect when its transaction ends. */
function watched(
  watch: Watch | undefined,
  { snapshot }: Glimpse,
): { watch: Watch | undefined; hasEnded: boolean } {
  if (!watch) return { watch: undefined, hasEnded: false };
  const open = openBelow(parseSnapshot(snapshot), BigInt(watch.below)).map(String);
  const hasEnded = watch.open === undefined || open.join() !== watch.open.join();
  return { watch: open.length === 0 ? undefined : { below: watch.below, open }, hasEnded };
}
