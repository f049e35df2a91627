// Every configuration that is searched, and what must come out.
import { ALL_ON, BASE, NO_FAULTS, type Protections, type Settings } from "./settings.js";
import type { Faults } from "./state.js";

export interface Configuration {
  readonly name: string;
  readonly settings: Settings;
  /** Whether no reachable state is a violation. */
  readonly holds: boolean;
  /** Takes minutes: only searched on request. */
  readonly isLong?: boolean;
}

type Changes = Partial<Omit<Settings, "faults" | "protections">> & {
  readonly faults?: Partial<Faults>;
  /** Protections that are turned off. */
  readonly without?: readonly (keyof Protections)[];
};

function settings({ faults, without = [], ...changes }: Changes): Settings {
  const protections = { ...ALL_ON };
  for (const name of without) protections[name] = false;
  return { ...BASE, ...changes, protections, faults: { ...NO_FAULTS, ...faults } };
}

const holds = (name: string, changes: Changes): Configuration => ({
  name,
  settings: settings(changes),
  holds: true,
});
const violated = (name: string, changes: Changes): Configuration => ({
  ...holds(name, changes),
  holds: false,
});
const long = (configuration: Configuration): Configuration => ({ ...configuration, isLong: true });

const GUARD = { guard: true };
const STRICT = { crashCounts: true, deferredCounts: true };

const TWO_MASTERS = { splitBrain: true, idPerPromotion: true, readsEach: 1 };

/** What is promised, with every protection on. */
export const PROMISES: readonly Configuration[] = [
  holds("no fault", {}),
  holds("readers in one process (single flight)", { readers: [0, 0] }),
  holds("one crash", { faults: { crash: 1 } }),
  holds("one outage", { faults: { cut: 1 } }),
  holds("FLUSHALL, twice", { faults: { flush: 2 } }),
  holds("one failover to a replica that lags", { faults: { failover: 1 } }),
  holds("outage, readers and writers in one process", {
    faults: { cut: 1 },
    writers: [0, 0],
    readers: [0, 0],
  }),
  holds("outage and crash", { faults: { cut: 1, crash: 1 } }),
  holds("outage and FLUSHALL", { faults: { cut: 1, flush: 1 } }),
  holds("guarded", GUARD),
  holds("guarded, one crash", { ...GUARD, faults: { crash: 1 } }),
  holds("guarded, one outage", { ...GUARD, faults: { cut: 1 } }),
  holds("guarded, FLUSHALL", { ...GUARD, faults: { flush: 1 } }),
  holds("guarded, writers outlive their deadlines", { ...GUARD, outlivesDeadline: true }),
  holds("guarded, one failover; a deferred invalidation counts in its own process; one read each", {
    ...GUARD,
    readsEach: 1,
    markedDeferredCounts: false,
    faults: { failover: 1 },
  }),
  holds("two masters for a time; what one has confirmed counts for the other once the writer has moved", {
    ...TWO_MASTERS,
    faults: { failover: 1 },
  }),
  long(
    holds("two masters for a time, guarded; a deferred invalidation counts in its own process", {
      ...TWO_MASTERS,
      ...GUARD,
      markedDeferredCounts: false,
      faults: { failover: 1 },
    }),
  ),
  holds("two masters for a time, and back to the old one; one writer", {
    ...TWO_MASTERS,
    writers: [0],
    faults: { failover: 2 },
  }),
  holds("guarded, `reject`, outage and crash; every write counts", {
    ...GUARD,
    ...STRICT,
    reject: true,
    faults: { cut: 1, crash: 1 },
  }),
  long(
    holds("crash, outage, FLUSHALL and failover", {
      readsEach: 1,
      faults: { crash: 1, cut: 1, flush: 1, failover: 1 },
    }),
  ),
];

/** What is not promised: each has a counterexample, so each has to be documented. */
export const LIMITS: readonly Configuration[] = [
  violated("a crash between commit and fence, not guarded", { crashCounts: true, faults: { crash: 1 } }),
  violated("a deferred invalidation, not guarded, read through the other process", {
    deferredCounts: true,
    faults: { cut: 1 },
  }),
  violated("the same with `reject`: the store goes away during the handler", {
    deferredCounts: true,
    reject: true,
    faults: { cut: 1 },
  }),
  violated("guarded, outlives its deadline and crashes", {
    ...GUARD,
    outlivesDeadline: true,
    faults: { crash: 1 },
  }),
  violated("guarded, outlives its deadline and is deferred", {
    ...GUARD,
    outlivesDeadline: true,
    faults: { cut: 1 },
  }),
  violated("guarded, the mark is flushed and the writer crashes", {
    ...GUARD,
    faults: { flush: 1, crash: 1 },
  }),
  violated("guarded, the mark is flushed and the invalidation deferred", {
    ...GUARD,
    faults: { flush: 1, cut: 1 },
  }),
  violated("guarded, the mark is lost in a failover and the invalidation deferred by it", {
    ...GUARD,
    faults: { failover: 1 },
  }),
  violated("failover while the old master goes on serving; what either confirms counts for readers of both", {
    splitBrain: true,
    splitCounts: true,
    faults: { failover: 1 },
  }),
  violated("failover there and back to the same process", { faults: { failover: 2 } }),
];

/** One protection less, or one and what covers for it. */
export const ABLATIONS: readonly Configuration[] = [
  violated("no fence check", { without: ["fenceCheck"] }),
  violated("no fence check in L1", { without: ["localFenceCheck"] }),
  violated("no hold-back", { without: ["holdBack"] }),
  violated("no run id, failover", { without: ["runId"], faults: { failover: 1 } }),
  violated("no replay before trust, outage", { without: ["replayBeforeTrust"], faults: { cut: 1 } }),
  violated("marks not heeded, guarded, crash", {
    ...GUARD,
    without: ["pendingBypass"],
    faults: { crash: 1 },
  }),
  violated("two masters for a time; what the old one had confirmed is not repeated on the new one", {
    ...TWO_MASTERS,
    without: ["repeatsOnNextServer"],
    faults: { failover: 1 },
  }),
  violated("the same, and back to the old one, which was never demoted", {
    ...TWO_MASTERS,
    without: ["repeatsOnNextServer"],
    faults: { failover: 2 },
  }),
  violated("the same; repeated, but entries do not carry how often sentinels have replaced a master", {
    ...TWO_MASTERS,
    without: ["epochInIds"],
    faults: { failover: 2 },
  }),
  violated("two masters for a time; a sentinel that has not heard yet leads back to the old one", {
    ...TWO_MASTERS,
    // Else entries of before the failover would not match, which only makes the way longer.
    without: ["neverGoesBack", "epochInIds"],
    faults: { failover: 1 },
  }),
  violated("two masters for a time; a demoted one is believed", {
    ...TWO_MASTERS,
    without: ["provesMaster"],
    faults: { failover: 1 },
  }),
  violated("the same token for every missing fence, FLUSHALL twice", {
    without: ["randomTokens"],
    faults: { flush: 2 },
  }),
  violated("followers of any fill", { readers: [0, 0], without: ["followSameFences"] }),
  holds("no compare-and-set, but entries carry the fences their fill began with", {
    without: ["compareAndSet"],
  }),
  holds("compare-and-set, but entries carry the fences of the end", { without: ["stampedAtStart"] }),
  violated("no compare-and-set, and entries carry the fences of the end", {
    without: ["compareAndSet", "stampedAtStart"],
  }),
  holds("a mark keeps the fence, its expiry does not", {
    ...GUARD,
    without: ["newFenceWithMark"],
    faults: { crash: 1 },
  }),
  holds("a mark replaces the fence, its expiry does not", {
    ...GUARD,
    without: ["newFenceAfterExpiry"],
    faults: { crash: 1 },
  }),
  violated("neither a mark nor its expiry replaces the fence", {
    ...GUARD,
    without: ["newFenceWithMark", "newFenceAfterExpiry"],
    faults: { crash: 1 },
  }),
];

/** What would lift a limit. */
export const REMEDIES: readonly Configuration[] = [
  holds("failover there and back, an id per promotion in entries; one read each", {
    idPerPromotion: true,
    readsEach: 1,
    faults: { failover: 2 },
  }),
];
