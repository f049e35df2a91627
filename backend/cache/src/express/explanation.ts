// What an explanation says: shapes that routes, the command line and a console show.
// Tests: test/integration/explain.test.ts
import type { CacheStatusDetail } from "../cache-status.js";
import type { Cause } from "../engine/cause-text.js";
import type { MissReason } from "../engine/entry-memory.js";
import type { SeenReads } from "../reads/seen-reads.js";

/**
 * - `hit`, `stale`: answered from the entry (`stale`: older than its TTL, and refreshed behind the answer)
 * - `miss`: the handler answers; `collapsed`: a handler that runs already answers
 * - `bypass`: not looked up; `only-if-cached`: 504, because the client wants no handler to run
 * - `answered-before`: something in front of the cache answers; `not-cached`: no `cacheList` takes such a
 *   request; `unanswered`: what is in front of the cache has not gone on within 5 s
 */
export const VERDICTS = [
  "hit",
  "stale",
  "miss",
  "collapsed",
  "bypass",
  "only-if-cached",
  "answered-before",
  "not-cached",
  "unanswered",
] as const;
export type Verdict = (typeof VERDICTS)[number];

/**
 * Whose pressure it was: `server`, whose memory is full; `tenant`, which is at `maxBytesPerTenant`; `module`,
 * which is at `maxEntriesPerModule`; `process`, whose memory for entries is full. `null`: not known, perhaps
 * removed by hand.
 */
export type EvictedBy = "server" | "tenant" | "module" | "process" | null;

/** Why there is nothing to answer from. */
export interface MissExplanation {
  readonly reason: MissReason;
  /** Of `unstorable`: the detail of the last answer. */
  readonly detail?: CacheStatusDetail | undefined;
  /** Of `fenced`: what was invalidated since, the newest last. */
  readonly fencedBy?: readonly FencedBy[] | undefined;
  /** Of `evicted`. */
  readonly evictedBy?: EvictedBy | undefined;
}

export interface FencedBy {
  /** `tenant`, `module accounts`, `tag account-17`, or `server`: another one, or the data of another one. */
  readonly fence: string;
  /** `null` where it is not known: longer ago than a day, or not kept. */
  readonly cause: Cause | null;
}

export interface ExplainedFence {
  /**
   * `tenant`, `module accounts`, `tag account-17`; `any tag` of routes whose answers name their tags; `feed`: its token, without which nothing
   * that it covers is a hit.
   */
  readonly fence: string;
  readonly key: string;
  /** `pending`: a guarded write is under way. `missing`: nobody has asked yet, or it was lost. */
  readonly state: "set" | "missing" | "pending";
  readonly ageSeconds: number | null;
  /** Whether the entry that is there carries another one; `null` where none is there. */
  readonly cutsOff: boolean | null;
  /** What has set it. `null` where that is not known, and where a fill has made it: `isMade`. */
  readonly cause: Cause | null;
  /** Nobody has invalidated: there was none, and a fill has made it. */
  readonly isMade: boolean;
}

export interface ExplainedEntry {
  /** Where it would be answered from: this process's memory, or the store. */
  readonly tier: "local" | "store";
  readonly ageSeconds: number;
  /** Until it is stale; negative where it is. */
  readonly ttlSeconds: number;
  /** Until it is gone. */
  readonly lifeSeconds: number;
  /** In the store; `null` where it is in this process alone. */
  readonly storedBytes: number | null;
  readonly bodyBytes: number;
  readonly status: number;
  readonly etag: string;
  readonly variants: readonly { readonly encoding: string; readonly bytes: number }[];
}

export interface ExplainedRoute {
  readonly module: string;
  /** The name that the route gives. */
  readonly policy: string | null;
  /** `null` where a function says so. */
  readonly ttlSeconds: number | null;
  readonly staleWhileRevalidateSeconds: number;
  readonly staleIfErrorSeconds: number;
  readonly dependsOn: readonly string[] | "auto";
  /** What the last handler of such a route has read, in this process; `null` where none has, or where nobody has looked. */
  readonly reads: SeenReads | null;
  readonly vary: readonly string[];
  readonly scope: "tenant" | "function";
}

/** What the next such request would be told, and why. */
export interface Explanation {
  readonly verdict: Verdict;
  /**
   * As `Cache-Status` would say it, without the cache's name; `null` where nothing would. Of a miss as far as it can be
   * said before the handler has run: an answer that was never seen is taken for one that can be stored.
   */
  readonly cacheStatus: string | null;
  /** Of a bypass; of a miss, where its last answer was told with one. */
  readonly detail: CacheStatusDetail | null;
  /** Of what has answered before. */
  readonly status: number | null;
  readonly method: string;
  readonly url: string;
  /** Method and pattern, as far as the request came. */
  readonly path: string | null;
  readonly route: ExplainedRoute | null;
  readonly tenant: string | null;
  /** `null`: the tenant's own view. */
  readonly scope: string | null;
  readonly tags: readonly string[];
  /** In the store. */
  readonly key: string | null;
  readonly fences: readonly ExplainedFence[];
  /** What is there, whether it may answer or not. */
  readonly entry: ExplainedEntry | null;
  readonly miss: MissExplanation | null;
  readonly store: { readonly kind: string; readonly circuit: string; readonly reason: string | null };
}

/** What a route says; the call adds what it asked for. */
export type RouteExplanation = Omit<Explanation, "status" | "method" | "url" | "store">;

/** Why a request of the last minutes was no hit. */
export interface RequestExplanation {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly tenant: string | null;
  readonly module: string | null;
  /** Method and pattern. */
  readonly path: string;
  readonly fwd: "miss" | "stale" | "request" | "bypass";
  /** Of a bypass. */
  readonly detail: CacheStatusDetail | null;
  /** Of all others. */
  readonly miss: MissExplanation | null;
}
