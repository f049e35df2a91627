// What the throughput suite compares, and what it sees of each.
import type { LoadRequest, LoadResult } from "../load/request.js";
import type { SubjectProcess } from "../start-subject.js";
import type { Subject } from "../subjects.js";
import type { Variant } from "../variants.js";

/** One variant of one subject, with what each round gave. */
export interface Contender {
  readonly subject: Subject;
  readonly variant: Variant;
  readonly process: SubjectProcess;
  readonly requests: readonly LoadRequest[];
  readonly rounds: ComparedVisit[];
}

export interface Visit extends LoadResult {
  readonly handlerRuns: number;
  /** Requests that the lane has left to Express. */
  readonly appRuns: number;
  /** CPU time of the subject for each request, microseconds. */
  readonly cpuMicros: number;
  /** How much of a core the subject used: below 1 something else was the limit. */
  readonly cpuShare: number;
  /** Of the cores' time, by the hypervisor for other machines. NaN where the system does not say. */
  readonly stolenShare: number;
}

/** One visit, over bare Express as it was just before and just after. */
export interface ComparedVisit extends Visit {
  /** Requests a second over those of bare Express. */
  readonly ratio: number;
  readonly p99Ratio: number;
}
