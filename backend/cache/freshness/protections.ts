// The protections that can be switched off: the checker must then find violations, which proves that it can.
import type { FaultName } from "./faults.js";
import type { StageName } from "./stage-name.js";

interface ProtectionDescription {
  /** In the words of the report. */
  readonly says: string;
  readonly stage: StageName;
  /** The fault that needs it; the others would only be in the way. */
  readonly fault?: FaultName;
  /** Of the backends' caches, milliseconds. Default a second, which no fault but those that end connections exceeds. */
  readonly budgetMs?: number;
}

export const PROTECTIONS = {
  "compare-and-set": {
    says: "a fill that began before a change is not stored after it",
    stage: "deferred",
  },
  "fence-check": {
    says: "an entry is served only while its fences are current",
    stage: "deferred",
  },
  "answer-tags": {
    says: "an entry is served only while the fences of the tags are current that its answer named",
    stage: "deferred",
  },
  "any-tag": {
    says: "a fill whose answer names tags is not stored after any tag of its tenant was invalidated",
    stage: "deferred",
  },
  "hold-back": {
    says: "the answer to a write waits until the fences are replaced",
    stage: "deferred",
  },
  "run-id": { says: "a promoted replica's past is not believed", stage: "failover", fault: "failover" },
  "failover-news": {
    says: "a master that has been replaced is left at once, not when it is demoted",
    stage: "failover",
    fault: "two-masters",
  },
  "away-hits": {
    says: "while Redis is gone for everybody nothing is served that it has not confirmed",
    stage: "deferred",
    fault: "hang",
    budgetMs: 60,
  },
  "late-followers": {
    says: "while Redis is gone for everybody nobody joins a handler that began before the request came",
    stage: "deferred",
    fault: "restart-empty",
  },
  guard: {
    says: "a write is marked before its handler runs, in case its process dies",
    stage: "guarded",
    fault: "crash-writer",
  },
  "lease-wait": {
    says: "the answer to a write waits until readers have heard of it, or their leases have run out",
    stage: "leased",
    fault: "late",
  },
  "lease-end": {
    says: "nothing is answered from memory once the lease has run out",
    stage: "leased",
    fault: "stall",
  },
  "lease-forget": {
    says: "a reader forgets what it is told of, before it says that it has",
    stage: "leased",
  },
  "tenant-key": { says: "every tenant has entries of its own", stage: "deferred" },
} as const satisfies Readonly<Record<string, ProtectionDescription>>;

export type Protection = keyof typeof PROTECTIONS;

export const PROTECTION_NAMES = Object.keys(PROTECTIONS) as readonly Protection[];

/**
 * How a stage is run to catch a protection that is off: many writes, and the one fault that it takes. It goes
 * on for so much work that luck cannot hide a violation, however long a busy machine takes for that, and ends
 * with the first one that is seen.
 */
export function catching(without: Protection) {
  const { fault, stage, budgetMs = 1000 }: ProtectionDescription = PROTECTIONS[without];
  const isLeased = stage === "leased";
  const faultsDone = isLeased ? 200 : 40;
  const work =
    fault === undefined ? { faults: [], reads: 200_000 } : { faults: [fault], reads: 0, faultsDone };
  // What a process answers from memory it has to have been asked for before, more than once.
  const tenants = isLeased ? { tenants: 1 } : {};
  return {
    without,
    ...work,
    ...tenants,
    writeShare: 0.05,
    faultPauseMs: 500,
    budgetMs,
    stopAtViolation: true,
  };
}
