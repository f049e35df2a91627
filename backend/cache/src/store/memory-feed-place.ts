// What the feed keeps in this process: the store's readers are here, too.
// Tests: test/contract/feed-place.test.ts
import { monotonicNow } from "../timers.js";
import type { FeedAsk, FeedPlace, FeedStep, FeedTurn } from "./feed-place.js";
import type { KeySpace } from "./key-space.js";

const CLOCK = "process";
const MAX_NOTES = 1000;

export class MemoryFeedPlace implements FeedPlace {
  readonly #keys: KeySpace;
  readonly #set: (key: string, value: string, ttlMs: number) => void;
  #state: string | null = null;
  #wantedUntilMs = Number.NEGATIVE_INFINITY;
  #notes: { readonly text: string; readonly expiresAtMs: number }[] = [];

  /** @param set sets one of the store's fences; 0 ms: for good */
  constructor(keys: KeySpace, set: (key: string, value: string, ttlMs: number) => void) {
    this.#keys = keys;
    this.#set = set;
  }

  async turn({ wantedMs }: FeedAsk): Promise<FeedTurn> {
    const nowMs = monotonicNow();
    if (wantedMs !== undefined) this.#wantedUntilMs = nowMs + wantedMs;
    const isWanted = this.#wantedUntilMs > nowMs;
    return { isLeading: true, isWanted, state: this.#state, clock: new Map([[CLOCK, nowMs]]) };
  }

  async keep({ state, epoch, clock, lifeMs }: FeedStep): Promise<boolean> {
    this.#state = state;
    this.#set(this.#keys.feedEpoch, epoch, 0);
    const leftMs = (clock.get(CLOCK) ?? Number.NEGATIVE_INFINITY) + lifeMs - monotonicNow();
    if (leftMs > 0) this.#set(this.#keys.feedToken, epoch, leftMs);
    return true;
  }

  async leave(): Promise<void> {}

  async note(text: string, lifeMs: number): Promise<void> {
    this.#notes.push({ text, expiresAtMs: monotonicNow() + lifeMs });
    if (this.#notes.length > MAX_NOTES) this.#notes.shift();
  }

  async notes(): Promise<readonly string[]> {
    const nowMs = monotonicNow();
    this.#notes = this.#notes.filter(({ expiresAtMs }) => expiresAtMs > nowMs);
    return this.#notes.map(({ text }) => text);
  }
}
