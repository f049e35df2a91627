// The model of the feed: transactions, drains, fills and hits of one entry, in every order (docs/internals/feed.md).
import { explore, type Offering, type SearchResult } from "./explore.js";
import type { FeedSettings } from "./feed-settings.js";
import {
  copyFeed,
  type Drain,
  encodeFeed,
  type FeedState,
  type Fill,
  type Mask,
  type Transaction,
} from "./feed-state.js";

export function searchFeed(settings: FeedSettings, maxStates = 5_000_000): SearchResult {
  return explore<FeedState>(
    {
      first: first(settings),
      copy: copyFeed,
      encode: encodeFeed,
      steps: (state, offer) => {
        databaseSteps(state, offer);
        for (const index of state.drains.keys()) drainSteps(state, settings, index, offer);
        for (const index of state.fills.keys()) fillSteps(state, settings, index, offer);
        hitStep(state, settings, offer);
      },
    },
    maxStates,
  );
}

function first({ transactions, drains, fills, faults, protections }: FeedSettings): FeedState {
  const many = <T>(count: number, make: () => T): T[] => Array.from({ length: count }, make);
  return {
    // Where snapshots are compared, it does not matter which has begun first: the number is left out.
    transactions: many(transactions, () => ({
      ...{ phase: protections.comparesSnapshots ? ("open" as const) : ("idle" as const), xid: 0 },
    })),
    nextXid: 1,
    life: 0,
    isLifeDue: false,
    drains: many(drains, () => ({
      ...{ phase: "idle" as const, clock: 0, clockLife: 0, last: null, seen: 0, xmax: 0, life: 0 },
    })),
    fills: many(fills, () => ({ phase: "idle" as const, fence: 0, epoch: 0, shows: 0 })),
    ...{ fence: 0, epoch: 0, token: null, kept: null, entry: null, next: 1 },
    faults: { ...faults },
    violation: undefined,
  };
}

const committedIn = ({ transactions }: FeedState): Mask =>
  maskOf(transactions, ({ phase }) => phase === "committed" || phase === "due");

function maskOf(transactions: readonly Transaction[], is: (one: Transaction) => boolean): Mask {
  return transactions.reduce((mask, one, index) => (is(one) ? mask | (1 << index) : mask), 0);
}

function databaseSteps(state: FeedState, offer: Offering<FeedState>): void {
  for (const [index, { phase }] of state.transactions.entries()) {
    const step = (label: string, change: (next: FeedState, own: Transaction) => void) =>
      offer(`transaction ${index + 1} ${label}`, (next) => {
        const own = next.transactions[index];
        if (own) change(next, own);
      });
    if (phase === "idle")
      step("begins to write", (next, own) => Object.assign(own, { phase: "open", xid: next.nextXid++ }));
    if (phase === "open")
      step("commits", (_next, own) => {
        own.phase = "committed";
      });
    if (phase === "committed")
      step("committed x ago", (next, own) => {
        own.phase = "due";
        // A token lives x from a reading of the clock: one from before the commit has ended.
        if (next.token && (next.token.clock & (1 << index)) === 0) next.token = null;
      });
  }
  if (state.life > 0 && !state.isLifeDue)
    offer("the database was put back x ago", (next) => {
      next.isLifeDue = true;
      if (next.token && next.token.life < next.life) next.token = null;
    });
  if (state.faults.restore > 0)
    offer("the database is put back", (next) => {
      next.faults.restore--;
      next.life++;
      next.isLifeDue = false;
      for (const one of next.transactions) if (one.phase !== "idle") one.phase = "lost";
      // Numbers are given once more.
      next.nextXid = 1;
    });
  if (state.faults.flush > 0)
    offer("FLUSHALL", (next) => {
      next.faults.flush--;
      Object.assign(next, { fence: 0, epoch: 0, token: null, kept: null, entry: null });
    });
}

function drainSteps(
  state: FeedState,
  { protections }: FeedSettings,
  index: number,
  offer: Offering<FeedState>,
): void {
  const drain = state.drains[index];
  if (!drain) return;
  const step = (label: string, change: (next: FeedState, own: Drain) => void) =>
    offer(`drain ${index + 1} ${label}`, (next) => {
      const own = next.drains[index];
      if (own) change(next, own);
    });
  const ends = (own: Drain) =>
    Object.assign(own, { phase: "idle", clock: 0, clockLife: 0, last: null, seen: 0, xmax: 0, life: 0 });
  const fences = (next: FeedState, own: Drain) => {
    if (isContinued(own, protections.beginsAnew) && changed(next, own, protections.comparesSnapshots))
      next.fence = next.next++;
  };
  const keeps = (next: FeedState, own: Drain) => {
    if (next.epoch === 0 || !isContinued(own, protections.beginsAnew)) next.epoch = next.next++;
    const clock = protections.readsClockFirst ? own.clock : committedIn(next);
    const life = protections.readsClockFirst ? own.clockLife : next.life;
    next.kept = { seen: own.seen, xmax: own.xmax, life: own.life };
    // What has ended by the clock of the store is not set.
    const dueIn = maskOf(next.transactions, ({ phase }) => phase === "due");
    const isOver = (dueIn & ~clock) !== 0 || (next.isLifeDue && life < next.life);
    next.token = isOver ? null : { epoch: next.epoch, clock, life };
  };
  if (drain.phase === "idle")
    step("reads the clock and what is kept", (next, own) => {
      Object.assign(own, { phase: "begun", clock: committedIn(next), clockLife: next.life });
      own.last = next.kept && { ...next.kept };
    });
  if (drain.phase === "begun")
    step("takes a snapshot", (next, own) => {
      Object.assign(own, { phase: "looked", seen: committedIn(next), xmax: next.nextXid, life: next.life });
    });
  if (drain.phase === "looked") {
    if (protections.fencesFirst)
      step("replaces fences", (next, own) => {
        fences(next, own);
        own.phase = "fenced";
      });
    else
      step("keeps its snapshot and sets the token", (next, own) => {
        keeps(next, own);
        own.phase = "kept";
      });
  }
  if (drain.phase === "fenced")
    step("keeps its snapshot and sets the token", (next, own) => {
      keeps(next, own);
      ends(own);
    });
  if (drain.phase === "kept")
    step("replaces fences", (next, own) => {
      fences(next, own);
      ends(own);
    });
  if (drain.phase !== "idle" && state.faults.crash > 0)
    step("dies", (next, own) => {
      next.faults.crash--;
      ends(own);
    });
}

function isContinued({ last, life }: Drain, beginsAnew: boolean): boolean {
  return last !== null && (!beginsAnew || last.life === life);
}

function changed({ transactions }: FeedState, { last, seen }: Drain, bySnapshots: boolean): boolean {
  if (!last) return false;
  if (bySnapshots) return (seen & ~last.seen) !== 0;
  return (seen & maskOf(transactions, ({ xid }) => xid >= last.xmax)) !== 0;
}

function fillSteps(
  state: FeedState,
  { protections }: FeedSettings,
  index: number,
  offer: Offering<FeedState>,
): void {
  const fill = state.fills[index];
  if (!fill) return;
  const step = (label: string, change: (next: FeedState, own: Fill) => void) =>
    offer(`fill ${index + 1} ${label}`, (next) => {
      const own = next.fills[index];
      if (own) change(next, own);
    });
  if (fill.phase === "idle")
    step("reads fence and epoch", (next, own) => {
      if (next.fence === 0) next.fence = next.next++;
      if (next.epoch === 0) next.epoch = next.next++;
      Object.assign(own, { phase: "begun", fence: next.fence, epoch: next.epoch });
    });
  if (fill.phase === "begun")
    step("reads the database", (next, own) => {
      Object.assign(own, { phase: "read", shows: committedIn(next) });
    });
  if (fill.phase === "read")
    step("is stored where nothing has changed", (next, own) => {
      const isSame = own.fence === next.fence && own.epoch === next.epoch;
      if (isSame || !protections.comparesAndSets)
        next.entry = { shows: own.shows, fence: next.fence, epoch: next.epoch };
      Object.assign(own, { phase: "idle", fence: 0, epoch: 0, shows: 0 });
    });
}

function hitStep(state: FeedState, { protections }: FeedSettings, offer: Offering<FeedState>): void {
  const { entry, token, fence, epoch } = state;
  const current = protections.needsToken ? token?.epoch : epoch;
  if (!entry || fence === 0 || entry.fence !== fence || entry.epoch !== current) return;
  const due = maskOf(state.transactions, ({ phase }) => phase === "due");
  const lost = state.isLifeDue ? maskOf(state.transactions, ({ phase }) => phase === "lost") : 0;
  if ((due & ~entry.shows) !== 0)
    offer("a read is answered from the entry", (next) => {
      next.violation = "it shows the state from before a commit that is x old";
    });
  if ((entry.shows & lost) !== 0)
    offer("a read is answered from the entry", (next) => {
      next.violation = "it shows what was lost when the database was put back, x ago";
    });
}
