// From COMMIT to fence, measured end to end by rows of the feed's own.
// Tests: test/integration/feed-drain.test.ts
import { randomToken } from "../store/fence-token.js";
import { monotonicNow } from "../timers.js";
import type { FeedLooks } from "./feed-looks.js";
import type { ParsedFeedOptions } from "./feed-options.js";
import { type Change, isProbe, probe } from "./feed-queries.js";

const MAX_SAMPLES = 200;
/** One that has not arrived by then was lost with its database. */
const GIVES_UP_MS = 60_000;

export class Probes {
  readonly #options: ParsedFeedOptions;
  readonly #looks: FeedLooks;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  /** The one under way. */
  #tag: string | undefined;
  /** When its commit was answered. */
  #committedAtMs: number | undefined;
  #isSeen = false;
  readonly #samples: number[] = [];

  constructor(options: ParsedFeedOptions, looks: FeedLooks) {
    this.#options = options;
    this.#looks = looks;
  }

  get delayMs(): { readonly p50: number; readonly p99: number } | null {
    if (this.#samples.length === 0) return null;
    const sorted = this.#samples.toSorted((one, other) => one - other);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p99: at(0.99) };
  }

  /** Sends one, where it is time. Behind the turn: nobody waits for it. */
  send(): void {
    const { probeMs, database, schema } = this.#options;
    const nowMs = monotonicNow();
    if (probeMs === 0 || nowMs - this.#sentAtMs < (this.#tag === undefined ? probeMs : GIVES_UP_MS)) return;
    this.#sentAtMs = nowMs;
    const tag = randomToken();
    this.#tag = tag;
    this.#committedAtMs = undefined;
    this.#isSeen = false;
    const committed = () => {
      if (this.#tag === tag) this.#committedAtMs = monotonicNow();
    };
    const failed = () => {
      if (this.#tag === tag) this.#tag = undefined;
    };
    this.#looks.bounded(probe(database, schema, tag)).then(committed, failed);
  }

  /** Called with what a snapshot shows. */
  seen(changes: readonly Change[]): void {
    if (changes.some((change) => isProbe(change) && change.tag === this.#tag)) this.#isSeen = true;
  }

  /** Called when what was seen is fenced. */
  arrived(): void {
    if (!this.#isSeen || this.#tag === undefined) return;
    this.#isSeen = false;
    this.#tag = undefined;
    // Seen before its commit was answered: there was nothing to wait for.
    const waitedMs = this.#committedAtMs === undefined ? 0 : monotonicNow() - this.#committedAtMs;
    this.#samples.push(waitedMs);
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }
}
