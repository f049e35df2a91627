// What one search is about: who takes part, which faults happen, which protections are on.
import { type Belief, type Faults, idleReader, type State } from "./state.js";

/** Each mirrors one rule of the engine; all are on in it. */
export interface Protections {
  /** A fill is stored only while the fences it began with are current. */
  compareAndSet: boolean;
  /** An entry carries the fences its fill began with; off: those that are current when it is stored. */
  stampedAtStart: boolean;
  /** A read compares the fences in an entry with the current ones. */
  fenceCheck: boolean;
  /** The same for an entry in L1. */
  localFenceCheck: boolean;
  /** Where the fence of any tag is another than in the entry, a read compares that of the entry's tag. */
  answerTagCheck: boolean;
  /**
   * A fill whose answer names tags is stored only while the fence of any tag is the one it began with; off:
   * while those of its tags are, which it has read after its handler.
   */
  anyTagFence: boolean;
  /** The response of a write waits for its fence. */
  holdBack: boolean;
  /** A read compares the run id in an entry with the server's. */
  runId: boolean;
  /** Nothing is asked of a server that has been demoted: whatever answers proves that it is a master. */
  provesMaster: boolean;
  /** Entries carry how many failovers the sentinels had counted, too. */
  epochInIds: boolean;
  /**
   * Whoever has been led to the new master is not led back to the old one, by a sentinel that has not heard
   * yet.
   */
  neverGoesBack: boolean;
  /**
   * What another server had confirmed is repeated on the one that has taken its place, before that is
   * trusted.
   */
  repeatsOnNextServer: boolean;
  /** The circuit closes only when the recovery queue has been replayed. */
  replayBeforeTrust: boolean;
  /** Nothing is served or stored while a guarded write is marked. */
  pendingBypass: boolean;
  /** Setting a mark replaces the fence, too. */
  newFenceWithMark: boolean;
  /** The end of a mark's time leaves no fence, so a new one; off: the fence loses the mark and stays. */
  newFenceAfterExpiry: boolean;
  /** A missing fence is created with a token never used before; off: always with the same. */
  randomTokens: boolean;
  /** A reader follows only a fill that began with the fences it has seen. */
  followSameFences: boolean;
  /** A write's answer waits until every process with a read lease knows of it, or its lease has run out. */
  waitsForReaders: boolean;
  /** A guarded write's handler waits for its mark in the same way. */
  waitsForMark: boolean;
  /** Nothing is believed once the lease has run out. */
  endsLease: boolean;
  /** What is heard of is forgotten. */
  forgetsWhatItHears: boolean;
  /** A reading that was under way when its fence was forgotten is not kept. */
  spoilsReadings: boolean;
  /** A lease goes on only when all changes before have been heard of; where they have not, all is forgotten. */
  renewalShowsGaps: boolean;
  /** Where there is no registry, all leases are waited for. */
  waitsWhereLost: boolean;
  /** The same while one that was begun anew is younger than a lease. */
  waitsUntilRipe: boolean;
  /** A registry of another server is none. */
  registryNamesServer: boolean;
}

export const ALL_ON: Protections = {
  compareAndSet: true,
  stampedAtStart: true,
  fenceCheck: true,
  localFenceCheck: true,
  answerTagCheck: true,
  anyTagFence: true,
  holdBack: true,
  runId: true,
  provesMaster: true,
  epochInIds: true,
  neverGoesBack: true,
  repeatsOnNextServer: true,
  replayBeforeTrust: true,
  pendingBypass: true,
  newFenceWithMark: true,
  newFenceAfterExpiry: true,
  randomTokens: true,
  followSameFences: true,
  waitsForReaders: true,
  waitsForMark: true,
  endsLease: true,
  forgetsWhatItHears: true,
  spoilsReadings: true,
  renewalShowsGaps: true,
  waitsWhereLost: true,
  waitsUntilRipe: true,
  registryNamesServer: true,
};

export interface Settings {
  readonly protections: Protections;
  readonly faults: Faults;
  /** The process of each writer and reader. */
  readonly writers: readonly number[];
  readonly readers: readonly number[];
  readonly readsEach: number;
  /** What writers change is a tag that the answer names: nobody knows its fence before the handler has run. */
  readonly namesTags: boolean;
  /** Processes answer from what they believe, as long as they hold a read lease. */
  readonly leased: boolean;
  readonly guard: boolean;
  /** `onUnreachable: "reject"`. */
  readonly reject: boolean;
  /** A guarded writer may still be at work when its mark expires. */
  readonly outlivesDeadline: boolean;
  /**
   * The old master goes on serving whoever is still connected to it, until it is demoted. What one master has
   * confirmed counts for its readers, and for the other's once the writer's process has moved there.
   */
  readonly splitBrain: boolean;
  /** Asks more than is promised: with two masters, what one has confirmed counts for readers of both. */
  readonly splitCounts: boolean;
  /**
   * A promoted server takes an id it never had, as Redis does with `master_replid`; off: its run id, as it
   * was.
   */
  readonly idPerPromotion: boolean;
  /** Asks more than is promised: an unguarded write that crashes counts as if it had been answered. */
  readonly crashCounts: boolean;
  /**
   * A deferred invalidation counts for readers of the other process at once where the write is marked: the
   * mark stands for it.
   */
  readonly markedDeferredCounts: boolean;
  /** Asks more than is promised: a deferred invalidation counts for readers of the other process at once. */
  readonly deferredCounts: boolean;
}

export const NO_FAULTS: Faults = { crash: 0, cut: 0, flush: 0, failover: 0, otherTag: 0, lose: 0 };

/** 2 writers and 2 readers in 2 processes, no faults, everything on. */
export const BASE: Settings = {
  protections: ALL_ON,
  faults: NO_FAULTS,
  writers: [0, 1],
  readers: [0, 1],
  readsEach: 2,
  namesTags: false,
  leased: false,
  guard: false,
  reject: false,
  outlivesDeadline: false,
  splitBrain: false,
  splitCounts: false,
  idPerPromotion: false,
  crashCounts: false,
  markedDeferredCounts: true,
  deferredCounts: false,
};

export const NO_BELIEF: Belief = {
  isHeld: false,
  generation: 0,
  told: 0,
  next: 0,
  fence: 0,
  runId: 0,
  reading: 0,
  readingRunId: 0,
  isSpoilt: false,
};

/** A warm cache, with leases if there are any: the entry is in the store, on the replica and in every L1. */
export function initialState(settings: Settings): State {
  const { writers, readers, readsEach, namesTags, leased, faults } = settings;
  const tag = namesTags ? 2 : 0;
  const entry = { version: 0, fence: 1, tag, runId: 0 };
  return {
    namesTags,
    leased,
    truth: 0,
    master: 0,
    epoch: 0,
    servers: [0, 1].map((runId) => ({
      runId,
      isMaster: runId === 0,
      promised: 0,
      fence: 1,
      tag,
      marks: 0,
      entry,
      // The processes below are in it. A replica has heard of it.
      registry: { runId: leased ? 0 : -1, generation: 1, told: 0, readers: leased ? 0b11 : 0, isRipe: true },
    })),
    processes: [0, 1].map(() => ({
      alive: true,
      cut: false,
      server: 0,
      trusts: true,
      owed: 0,
      confirmed: 0,
      epoch: 0,
      local: entry,
      required: 0,
      belief: leased ? { ...NO_BELIEF, isHeld: true, generation: 1, next: 1, fence: 1 } : { ...NO_BELIEF },
      replaying: null,
    })),
    writers: writers.map((process) => ({ process, phase: "idle", marked: false, version: 0, awaited: null })),
    readers: readers.map((process) => idleReader(process, readsEach)),
    faults: { ...faults },
    violation: "",
  };
}
