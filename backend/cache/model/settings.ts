// What one search is about: who takes part, which faults happen, which protections are on.
import { type Faults, idleReader, type State } from "./state.js";

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

export const NO_FAULTS: Faults = { crash: 0, cut: 0, flush: 0, failover: 0, otherTag: 0 };

/** 2 writers and 2 readers in 2 processes, no faults, everything on. */
export const BASE: Settings = {
  protections: ALL_ON,
  faults: NO_FAULTS,
  writers: [0, 1],
  readers: [0, 1],
  readsEach: 2,
  namesTags: false,
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

/** A warm cache: the entry is in the store, on the replica and in every L1. */
export function initialState({ writers, readers, readsEach, namesTags, faults }: Settings): State {
  const tag = namesTags ? 2 : 0;
  const entry = { version: 0, fence: 1, tag, runId: 0 };
  return {
    namesTags,
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
    })),
    writers: writers.map((process) => ({ process, phase: "idle", marked: false, version: 0 })),
    readers: readers.map((process) => idleReader(process, readsEach)),
    faults: { ...faults },
    violation: "",
  };
}
