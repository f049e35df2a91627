// The protections that can be switched off: the checker must then find violations, which proves that it can.
import type { StageName } from "./stages.js";

interface ProtectionDescription {
  /** In the words of the report. */
  readonly says: string;
  readonly stage: StageName;
  /** Whether it is needed only under the stage's faults; else they would only be in the way. */
  readonly needsFaults: boolean;
}

export const PROTECTIONS = {
  "compare-and-set": {
    says: "a fill that began before a change is not stored after it",
    stage: "deferred",
    needsFaults: false,
  },
  "fence-check": {
    says: "an entry is served only while its fences are current",
    stage: "deferred",
    needsFaults: false,
  },
  "hold-back": {
    says: "the answer to a write waits until the fences are replaced",
    stage: "deferred",
    needsFaults: false,
  },
  "run-id": { says: "a promoted replica's past is not believed", stage: "failover", needsFaults: true },
  guard: {
    says: "a write is marked before its handler runs, in case its process dies",
    stage: "guarded",
    needsFaults: true,
  },
  "tenant-key": { says: "every tenant has entries of its own", stage: "deferred", needsFaults: false },
} as const satisfies Record<string, ProtectionDescription>;

export type Protection = keyof typeof PROTECTIONS;

export const PROTECTION_NAMES = Object.keys(PROTECTIONS) as readonly Protection[];

/** How a stage is run to catch a protection that is off: many writes, and no more faults than it takes. */
export function catching(without: Protection): {
  readonly without: Protection;
  readonly writeShare: number;
  readonly faultPauseMs: number;
  readonly stopAtViolation: true;
} {
  const faultPauseMs = PROTECTIONS[without].needsFaults ? 100 : 10_000;
  return { without, writeShare: 0.05, faultPauseMs, stopAtViolation: true };
}
