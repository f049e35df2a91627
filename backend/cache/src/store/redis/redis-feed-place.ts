// What the feed keeps in Redis: on a Cluster the token is on every master, by that master's own clock.
// Tests: test/contract/feed-place.test.ts
import calculateSlot from "cluster-key-slot";
import type { FeedAsk, FeedClock, FeedPlace, FeedStep, FeedTurn } from "../feed-place.js";
import type { FeedPair, KeySpace } from "../key-space.js";
import type { ServerLink } from "./server-link.js";
import type { Servers } from "./servers.js";

const MAX_NOTES = 1000;
/** Of 16,384 slots each pair has 256: a master that has 512 in a row has a pair. */
const PAIRS = 64;
const SLOTS_OF_A_PAIR = 16_384 / PAIRS;

/** Keys of the epoch and of the token, in every part of a Cluster's slots. */
function spreadPairs(keys: KeySpace): readonly FeedPair[] {
  const pairs: FeedPair[] = [];
  let missing = PAIRS;
  for (let tag = 0; missing > 0; tag++) {
    const part = Math.floor(calculateSlot(String(tag)) / SLOTS_OF_A_PAIR);
    if (pairs[part]) continue;
    pairs[part] = keys.feedPair(String(tag));
    missing--;
  }
  return pairs;
}

export class RedisFeedPlace implements FeedPlace {
  readonly #servers: Servers;
  readonly #keys: KeySpace;
  /** Absent where one server has all keys: the pair is among those that it is asked for. */
  readonly #pairs: readonly FeedPair[] | undefined;

  constructor(servers: Servers, keys: KeySpace, isCluster: boolean) {
    this.#servers = servers;
    this.#keys = keys;
    this.#pairs = isCluster ? spreadPairs(keys) : undefined;
  }

  /** The pair that a master of a Cluster answers for; `undefined` where it has none. */
  pairAt(link: ServerLink): FeedPair | undefined {
    return this.#pairs?.find(({ token }) => {
      try {
        return this.#servers.of(token) === link;
      } catch {
        return false;
      }
    });
  }

  async turn({ holder, leaseMs, wantedMs = 0 }: FeedAsk): Promise<FeedTurn> {
    const keys = [this.#keys.feed("state"), this.#keys.feed("lease"), this.#keys.feed("wanted")];
    const clock = new Map<string, number>();
    const reply = await this.#servers.run(keys[0] ?? "", async (link) => {
      const answer = (await link.provenScript("feedTurn", keys, [holder, leaseMs, wantedMs])) as TurnReply;
      clock.set(link.id, Number(answer[2]));
      return answer;
    });
    const [isLeading, isWanted, , state = null] = reply;
    if (isLeading === 1 && isWanted === 1 && this.#pairs) await this.#readClocks(this.#pairs, clock);
    return { isLeading: isLeading === 1, isWanted: isWanted === 1, state, clock };
  }

  async keep({ holder, state, epoch, clock, lifeMs }: FeedStep): Promise<boolean> {
    const own = [this.#keys.feed("state"), this.#keys.feed("lease")];
    const pair = this.#pairs ? [] : [this.#keys.feedEpoch, this.#keys.feedToken];
    const isKept = await this.#servers.run(own[0] ?? "", (link) => {
      const expiresAtMs = expiry(link, clock, lifeMs);
      return link.provenScript("feedKeep", [...own, ...pair], [holder, state, epoch, expiresAtMs]);
    });
    if (isKept !== 1) return false;
    if (this.#pairs)
      await this.#onEach(this.#pairs, (link, { epoch: epochKey, token }) =>
        link.provenScript("feedToken", [epochKey, token], [epoch, expiry(link, clock, lifeMs)]),
      );
    return true;
  }

  async leave(holder: string): Promise<void> {
    const key = this.#keys.feed("lease");
    await this.#servers.run(key, (link) => link.script("feedLeave", [key], [holder]));
  }

  async note(text: string, lifeMs: number): Promise<void> {
    const key = this.#keys.feed("notes");
    await this.#servers.run(key, (link) => link.script("feedNote", [key], [text, lifeMs, MAX_NOTES]));
  }

  notes(): Promise<readonly string[]> {
    const key = this.#keys.feed("notes");
    return this.#servers.run(key, (link) => link.client.zrange(key, 0, -1));
  }

  /** The clock of each master, once. */
  async #readClocks(pairs: readonly FeedPair[], clock: Map<string, number>): Promise<void> {
    const asked = new Set<ServerLink>();
    await this.#onEach(pairs, async (link, { token }) => {
      if (asked.has(link)) return;
      asked.add(link);
      const nowMs = Number(await link.provenScript("feedClock", [token], []));
      // The first that was read: a later one would have the token live longer.
      if (!clock.has(link.id)) clock.set(link.id, nowMs);
    });
  }

  /** A part of the slots that is in trouble has no token, and its tenants miss. */
  async #onEach(
    pairs: readonly FeedPair[],
    step: (link: ServerLink, pair: FeedPair) => Promise<unknown>,
  ): Promise<void> {
    await Promise.all(
      pairs.map(async (pair) => {
        try {
          await this.#servers.run(pair.token, (link) => step(link, pair));
        } catch {
          // Said by the store where it lasts.
        }
      }),
    );
  }
}

type TurnReply = readonly [isLeading: number, isWanted: number, nowMs: string, state?: string];

/** A server whose clock was not read is another one by now: no token of its can be told the end of. */
function expiry(link: ServerLink, clock: FeedClock, lifeMs: number): number {
  const readAtMs = clock.get(link.id);
  return readAtMs === undefined ? 0 : readAtMs + lifeMs;
}
