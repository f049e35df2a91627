// What the advisor is told: of an entry that is asked for, and of what a handler has answered.
import type { RouteFigures } from "./route-figures.js";

/** What an entry that is asked for tells the advisor; absent figures: it is not looked at. */
export interface AdvisedEntry {
  readonly tenant: string;
  readonly fenceKeys: readonly string[];
  readonly figures?: RouteFigures | undefined;
  /** See `sampleOf`. */
  readonly sample?: number | undefined;
  /** Hashes of the request without its scope, and of the scope; 0 where it has none. */
  readonly view?: number | undefined;
  readonly viewer?: number | undefined;
  readonly carriesTags?: boolean | undefined;
  tagFence?(tag: string): string;
}

/** What a handler, or a load, has answered. */
export interface AdvisedAnswer {
  /** Absent where nobody has measured it. */
  readonly durationMs?: number | undefined;
  /** Absent where nobody knows. */
  readonly bytes?: number | undefined;
  /** Seconds that it may be stored for. */
  readonly ttlSeconds: number;
  /** What it is known by: its ETag, or a hash of its body. */
  readonly identity?: string | undefined;
  /** Whoever asked, where that is no part of the key. */
  readonly caller?: string | undefined;
  /** That the answer has named. */
  readonly tags?: readonly string[] | undefined;
  /** What it depends on, where it is less than was asked with: its handler was seen to read no more. */
  readonly fenceKeys?: readonly string[] | undefined;
}
