// Every configuration that is searched, and what must come out.
import { type Configuration, GUARD, holds, long, violated } from "./configuration.js";
import { LEASED_ABLATIONS, LEASED_PROMISES } from "./leased-configurations.js";

export type { Configuration } from "./configuration.js";

const STRICT = { crashCounts: true, deferredCounts: true };

/** Answers name the tag that writers change. */
const TAGS = { namesTags: true };

const GUARDED_FAILOVER = {
  ...GUARD,
  readsEach: 1,
  markedDeferredCounts: false,
  faults: { failover: 1 },
};

const TWO_MASTERS = { splitBrain: true, idPerPromotion: true, readsEach: 1 };
/** A second one only makes more states: counterexamples are as short. */
const ONE_WRITER = { ...TWO_MASTERS, writers: [0] };

/** What is promised, with every protection on. */
export const PROMISES: readonly Configuration[] = [
  ...LEASED_PROMISES,
  holds("no fault", {}),
  holds("readers in one process (single flight)", { readers: [0, 0] }),
  holds("one crash", { faults: { crash: 1 } }),
  holds("one outage", { faults: { cut: 1 } }),
  holds("FLUSHALL, twice", { faults: { flush: 2 } }),
  holds("one failover to a replica that lags; one read each", { readsEach: 1, faults: { failover: 1 } }),
  long(holds("one failover to a replica that lags", { faults: { failover: 1 } })),
  holds("outage, readers and writers in one process", {
    faults: { cut: 1 },
    writers: [0, 0],
    readers: [0, 0],
  }),
  holds("outage and crash", { faults: { cut: 1, crash: 1 } }),
  holds("outage and FLUSHALL; one read each", { readsEach: 1, faults: { cut: 1, flush: 1 } }),
  long(holds("outage and FLUSHALL", { faults: { cut: 1, flush: 1 } })),
  holds("guarded", GUARD),
  holds("guarded, one crash", { ...GUARD, faults: { crash: 1 } }),
  holds("guarded, one outage", { ...GUARD, faults: { cut: 1 } }),
  holds("guarded, FLUSHALL", { ...GUARD, faults: { flush: 1 } }),
  holds("guarded, writers outlive their deadlines", { ...GUARD, outlivesDeadline: true }),
  holds("guarded, one failover; a deferred invalidation counts in its own process; one writer", {
    ...GUARDED_FAILOVER,
    writers: [0],
  }),
  long(
    holds(
      "guarded, one failover; a deferred invalidation counts in its own process; one read each",
      GUARDED_FAILOVER,
    ),
  ),
  holds("two masters for a time; what one has confirmed counts for the other, too; one reader", {
    ...TWO_MASTERS,
    readers: [1],
    faults: { failover: 1 },
  }),
  long(
    holds("two masters for a time; what one has confirmed counts for the other once the writer has moved", {
      ...TWO_MASTERS,
      faults: { failover: 1 },
    }),
  ),
  long(
    holds("two masters for a time, guarded; a deferred invalidation counts in its own process", {
      ...TWO_MASTERS,
      ...GUARD,
      markedDeferredCounts: false,
      faults: { failover: 1 },
    }),
  ),
  holds("two masters for a time, and back to the old one; one writer, one reader", {
    ...ONE_WRITER,
    readers: [1],
    faults: { failover: 2 },
  }),
  long(
    holds("two masters for a time, and back to the old one; one writer", {
      ...ONE_WRITER,
      faults: { failover: 2 },
    }),
  ),
  holds("guarded, `reject`, outage and crash; every write counts", {
    ...GUARD,
    ...STRICT,
    reject: true,
    faults: { cut: 1, crash: 1 },
  }),
  holds("answers name their tags", TAGS),
  holds("answers name their tags, readers in one process", { ...TAGS, readers: [0, 0] }),
  holds("answers name their tags, another tag is invalidated, twice", { ...TAGS, faults: { otherTag: 2 } }),
  holds("answers name their tags, one outage, another tag is invalidated; one read each", {
    ...TAGS,
    readsEach: 1,
    faults: { cut: 1, otherTag: 1 },
  }),
  holds("answers name their tags, FLUSHALL, another tag is invalidated; one read each", {
    ...TAGS,
    readsEach: 1,
    faults: { flush: 1, otherTag: 1 },
  }),
  holds("answers name their tags, one failover to a replica that lags; one read each", {
    ...TAGS,
    readsEach: 1,
    faults: { failover: 1 },
  }),
  holds("answers name their tags, guarded, one crash", { ...TAGS, ...GUARD, faults: { crash: 1 } }),
  long(
    holds("answers name their tags, one outage, FLUSHALL, another tag is invalidated", {
      ...TAGS,
      faults: { cut: 1, flush: 1, otherTag: 1 },
    }),
  ),
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
  ...LEASED_ABLATIONS,
  violated("no fence check", { without: ["fenceCheck"] }),
  violated("no fence check in L1", { without: ["localFenceCheck"] }),
  violated("answers name their tags, and hits do not compare their fences", {
    ...TAGS,
    without: ["answerTagCheck"],
  }),
  violated("answers name their tags, and fills do not compare the fence of any tag", {
    ...TAGS,
    without: ["anyTagFence"],
  }),
  violated("answers name their tags, no compare-and-set", { ...TAGS, without: ["compareAndSet"] }),
  violated("answers name their tags, guarded, crash; marks are not heeded", {
    ...TAGS,
    ...GUARD,
    without: ["pendingBypass"],
    faults: { crash: 1 },
  }),
  violated("no hold-back", { without: ["holdBack"] }),
  violated("no run id, failover", { without: ["runId"], faults: { failover: 1 } }),
  violated("no replay before trust, outage", { without: ["replayBeforeTrust"], faults: { cut: 1 } }),
  violated("marks not heeded, guarded, crash", {
    ...GUARD,
    without: ["pendingBypass"],
    faults: { crash: 1 },
  }),
  violated("two masters for a time; what the old one had confirmed is not repeated on the new one", {
    ...ONE_WRITER,
    without: ["repeatsOnNextServer"],
    faults: { failover: 1 },
  }),
  violated("the same, and back to the old one, which was never demoted", {
    ...ONE_WRITER,
    without: ["repeatsOnNextServer"],
    faults: { failover: 2 },
  }),
  violated("the same; repeated, but entries do not carry how often sentinels have replaced a master", {
    ...ONE_WRITER,
    without: ["epochInIds"],
    faults: { failover: 2 },
  }),
  violated("two masters for a time; a sentinel that has not heard yet leads back to the old one", {
    ...ONE_WRITER,
    // Else entries of before the failover would not match, which only makes the way longer.
    without: ["neverGoesBack", "epochInIds"],
    faults: { failover: 1 },
  }),
  violated("two masters for a time; a demoted one is believed", {
    ...ONE_WRITER,
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
  holds("failover there and back, an id per promotion in entries; one writer, one read each", {
    idPerPromotion: true,
    readsEach: 1,
    writers: [0],
    faults: { failover: 2 },
  }),
  long(
    holds("failover there and back, an id per promotion in entries; one read each", {
      idPerPromotion: true,
      readsEach: 1,
      faults: { failover: 2 },
    }),
  ),
];
