// How large the run of the suite `scale` is, and what must hold in it.
import { totalmem } from "node:os";

export interface ScaleTerms {
  readonly entries: number;
  readonly tenants: number;
  readonly processes: number;
  /** Of the steady load, without filling and curves. */
  readonly minutes: number;
  /** Of all nodes of the Cluster together: what does not fit is evicted. */
  readonly maxMemoryMb: number;
  /** Requests of the steady load, over all processes. */
  readonly perSecond: number;
}

/** What flags say instead of the default. */
export type GivenTerms = { readonly [Name in keyof ScaleTerms]?: ScaleTerms[Name] | undefined };

/** Beside other programs, and the processes of the run. */
const SHARE_OF_MEMORY = 1 / 4;

export function scaleTerms(isQuick: boolean, given: GivenTerms): ScaleTerms {
  const {
    entries = isQuick ? 300_000 : 10_000_000,
    tenants = 10_000,
    processes = 4,
    minutes = isQuick ? 2 : 40,
    maxMemoryMb = isQuick ? 240 : Math.min(6144, Math.round((totalmem() / 1024 ** 2) * SHARE_OF_MEMORY)),
    perSecond = 200,
  } = given;
  return { entries, tenants, processes, minutes, maxMemoryMb, perSecond };
}

/** Windows of the steady load: a minute, or what makes eight of a short run. */
export function windowSeconds({ minutes }: ScaleTerms): number {
  return Math.min(60, (minutes * 60) / 8);
}

/** The windows that later ones are held against: five minutes, or what a short run has for them. */
export function firstWindows({ minutes }: ScaleTerms): number {
  return minutes >= 20 ? 5 : 3;
}

export const NODES = 6;
/** The largest of the tenants has a tenth of all entries. */
export const MAX_ENTRIES = 2_000_000;
export const MAX_TENANT_BYTES = 4 * 1024 ** 3;
export const MODULES = ["accounts", "contacts", "orders", "tasks"] as const;
export const TTL_SECONDS = 3600;
/** Of the steady load's requests, how many are writes. */
export const WRITE_SHARE = 1 / 50;

export const BOUNDS = {
  /** p99 of hits, over that of the first windows. */
  p99Ratio: 1.3,
  /** Memory after the first windows: of Redis over its `maxmemory`, of a process over what it was then. */
  redisOverMax: 1.1,
  processGrowth: 1.25,
  processGrowthMb: 16,
  /** What an operator waits for: an inventory that has ten seconds, and the rest. */
  pageMs: 15_000,
  pageBytes: 1024 * 1024,
  /** Prometheus gives up after ten seconds; what asks nobody is far below that. */
  scrapeMs: 1000,
  statsMs: 15_000,
  /** Targets that a process keeps, see `engine/sweeper.ts`. */
  pendingSweeps: 10_000,
} as const;
