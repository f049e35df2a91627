// Whether a replica has replayed all that an entry's fences were replaced for: else what its handler reads is not stored.
// Tests: test/integration/feed-replicas.test.ts
import { BoundedMap } from "../bounded-map.js";
import { DeadlineQueue } from "../engine/deadline-queue.js";
import type { FeedDatabase } from "../queryable.js";
import type { FeedLooks } from "./feed-looks.js";
import { replayedBy } from "./feed-queries.js";
import { hasReached, type LogPosition, positionOf } from "./log-position.js";

/** Of some thousand fences that nobody has marked. */
const MAX_LEARNT_CHARACTERS = 2 * 1024 * 1024;

export class ReplicaReads {
  readonly #schema: string;
  readonly #looks: FeedLooks;
  readonly #within: DeadlineQueue;
  /**
   * What was fenced before lies before this: the primary was asked after the fence had been seen. Of fences that were made by fills, by
   * mutations whose look has failed, or by processes without the feed.
   */
  readonly #learnt = new BoundedMap<LogPosition>({ maxCharacters: MAX_LEARNT_CHARACTERS });

  /** @param withinMs how long a request waits for the answer */
  constructor(schema: string, looks: FeedLooks, withinMs: number) {
    this.#schema = schema;
    this.#looks = looks;
    this.#within = new DeadlineQueue(withinMs);
  }

  /**
   * Called before the handler reads. Never rejects: whatever cannot be known is false.
   *
   * @param fences that were current before the call; the epoch among them says which life of the database counts
   */
  async haveAll(replica: FeedDatabase, fences: readonly string[], epoch: string): Promise<boolean> {
    try {
      const asked = [replayedBy(replica, this.#schema), this.#needed(fences, epoch)] as const;
      const [replayed, needed] = await this.#within.race(Promise.all(asked));
      if (!replayed || !needed || replayed.life !== needed.life) return false;
      return hasReached(replayed.lsn, needed.lsn);
    } catch {
      return false;
    }
  }

  async #needed(fences: readonly string[], epoch: string): Promise<LogPosition | undefined> {
    const known = this.#furthest(fences, epoch);
    if (known) return known;
    // Begins later than the fences were seen.
    const { position: now } = await this.#looks.now();
    if (!now) return undefined;
    const life = (positionOf(epoch) ?? now).life;
    for (const fence of [epoch, ...fences]) {
      if (this.#positionIn(life, fence) === undefined) this.#learnt.set(fence, now);
    }
    return this.#furthest(fences, epoch);
  }

  /** `undefined` where one of them says nothing, or something of another life. */
  #furthest(fences: readonly string[], epoch: string): LogPosition | undefined {
    const life = (positionOf(epoch) ?? this.#learnt.get(epoch))?.life;
    if (life === undefined) return undefined;
    let furthest = 0n;
    for (const fence of [epoch, ...fences]) {
      const position = this.#positionIn(life, fence);
      if (!position) return undefined;
      if (position.lsn > furthest) furthest = position.lsn;
    }
    return { life, lsn: furthest };
  }

  #positionIn(life: string, fence: string): LogPosition | undefined {
    const marked = positionOf(fence);
    if (marked?.life === life) return marked;
    const learnt = this.#learnt.get(fence);
    return learnt?.life === life ? learnt : undefined;
  }
}
