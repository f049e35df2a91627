// What takes part in the model of the feed, its faults, and the protections that can be turned off.

export interface FeedSettings {
  /** Transactions that change what the entry shows. */
  readonly transactions: number;
  /** Processes that drain; nothing relies on which of them has the lease. */
  readonly drains: number;
  readonly fills: number;
  readonly faults: FeedFaults;
  readonly protections: FeedProtections;
}

/** How often each may happen. */
export interface FeedFaults {
  /** A drain dies, between any two steps of its turn. That it stands still for long takes no fault: steps take any time. */
  readonly crash: number;
  /** FLUSHALL. */
  readonly flush: number;
  /** The database is put back to the state before its last commits. */
  readonly restore: number;
}

export interface FeedProtections {
  /** The token ends x after a reading of the clock that lies before the snapshot. */
  readonly readsClockFirst: boolean;
  /** What is not visible in the last snapshot and is in this one; else what has a number from its end on. */
  readonly comparesSnapshots: boolean;
  /** Fences are replaced before the snapshot is kept and the token set. */
  readonly fencesFirst: boolean;
  /** A hit needs the token. */
  readonly needsToken: boolean;
  /** A state that is lost, or of another life of the database, gives a new epoch. */
  readonly beginsAnew: boolean;
  /** Fills are stored only where fences and epoch are those that they began with. */
  readonly comparesAndSets: boolean;
}

export const ALL_FEED: FeedProtections = {
  readsClockFirst: true,
  comparesSnapshots: true,
  fencesFirst: true,
  needsToken: true,
  beginsAnew: true,
  comparesAndSets: true,
};

export interface FeedConfiguration {
  readonly name: string;
  readonly settings: FeedSettings;
  /** Whether no reachable state is a violation. */
  readonly holds: boolean;
}

type Changes = Partial<Omit<FeedSettings, "faults" | "protections">> & {
  readonly faults?: Partial<FeedFaults>;
  readonly without?: keyof FeedProtections;
};

function configured(
  name: string,
  holds: boolean,
  { faults, without, ...changes }: Changes,
): FeedConfiguration {
  const protections = without ? { ...ALL_FEED, [without]: false } : ALL_FEED;
  const none = { crash: 0, flush: 0, restore: 0 };
  const base = { transactions: 2, drains: 1, fills: 1 };
  return { name, holds, settings: { ...base, ...changes, protections, faults: { ...none, ...faults } } };
}

const ONE = { transactions: 1 };

export const FEED_PROMISES: readonly FeedConfiguration[] = [
  configured("feed", true, {}),
  configured("feed, two drains at once; one transaction", true, { ...ONE, drains: 2 }),
  configured("feed, two fills; one transaction", true, { ...ONE, fills: 2 }),
  configured("feed, the drain dies, twice", true, { faults: { crash: 2 } }),
  configured("feed, FLUSHALL, twice; one transaction", true, { ...ONE, faults: { flush: 2 } }),
  configured("feed, FLUSHALL", true, { faults: { flush: 1 } }),
  configured("feed, the database is put back", true, { faults: { restore: 1 } }),
  configured("feed, the database is put back, FLUSHALL, and the drain dies; one transaction", true, {
    ...ONE,
    faults: { restore: 1, flush: 1, crash: 1 },
  }),
];

export const FEED_ABLATIONS: readonly FeedConfiguration[] = [
  configured("feed, the clock is read when the token is set", false, { without: "readsClockFirst" }),
  configured("feed, numbers instead of snapshots", false, { without: "comparesSnapshots" }),
  configured("feed, fences behind the snapshot", false, { without: "fencesFirst" }),
  configured("feed, hits need no token", false, { without: "needsToken" }),
  configured("feed, fills are stored blindly and carry the fences of the end", false, {
    without: "comparesAndSets",
  }),
  configured("feed, the database is put back; no new epoch", false, {
    without: "beginsAnew",
    faults: { restore: 1 },
  }),
];
