// Reads of the feed's token and epoch, beside those of fences: answered before them, on the same connection.
// Tests: test/contract/feed-place.test.ts, test/faults/feed-cluster.test.ts
//
// Where one server has all keys, both are keys as any other. On a Cluster each master has pairs of its own: what stands for them
// in lists of fences is taken out, and asked for beside. Whatever cannot be read is missing.
import { newFence } from "../fence-token.js";
import type { KeySpace } from "../key-space.js";
import type { FillCommit, FillRequest, FillStart, Snapshot } from "../store.js";
import { beginFillAt } from "./begin-fill-call.js";
import type { RedisFeedPlace } from "./redis-feed-place.js";
import type { ServerLink } from "./server-link.js";

type Values = readonly (string | null)[];

export class FeedReads {
  readonly #epochKey: string;
  readonly #tokenKey: string;
  /** Absent where one server has all keys. */
  readonly #pairs: Pick<RedisFeedPlace, "pairAt"> | undefined;

  constructor(keys: KeySpace, pairs: Pick<RedisFeedPlace, "pairAt"> | undefined) {
    this.#epochKey = keys.feedEpoch;
    this.#tokenKey = keys.feedToken;
    this.#pairs = pairs;
  }

  async read(
    link: ServerLink,
    fenceKeys: readonly string[],
    read: (fenceKeys: readonly string[]) => Promise<Snapshot>,
  ): Promise<Snapshot> {
    const isOurs = (key: string) => key === this.#tokenKey || key === this.#epochKey;
    const at = this.#pairs ? fenceKeys.findIndex(isOurs) : -1;
    if (at === -1) return read(fenceKeys);
    const runId = link.id;
    const pair = this.#pairs?.pairAt(link);
    const key = fenceKeys[at] === this.#tokenKey ? pair?.token : pair?.epoch;
    const asked = key === undefined ? undefined : missingIfRefused(link.client.mget([key]));
    const snapshot = await read(fenceKeys.toSpliced(at, 1));
    const [value = null] = (await asked) ?? [];
    const isOfOneServer = snapshot.runId === runId;
    return { ...snapshot, fences: snapshot.fences.toSpliced(at, 0, isOfOneServer ? value : null) };
  }

  async beginFill(link: ServerLink, request: FillRequest): Promise<FillStart> {
    const { fenceKeys } = request;
    const at = this.#pairs ? fenceKeys.indexOf(this.#epochKey) : -1;
    const pair = this.#pairs?.pairAt(link);
    const wanted = at === -1 ? [this.#tokenKey] : pair ? [pair.token, pair.epoch] : [];
    let asked: Promise<Values> | undefined;
    const own = at === -1 ? request : { ...request, fenceKeys: fenceKeys.toSpliced(at, 1) };
    const start = await beginFillAt(link, own, (client) => {
      if (wanted.length > 0) asked = missingIfRefused(client.mget(wanted));
    });
    const [token = null, epoch = null] = (await asked) ?? [];
    if (at === -1) return { ...start, token };
    // Without an epoch an entry is stored that nothing is equal to.
    return { ...start, token, fences: start.fences.toSpliced(at, 0, epoch ?? newFence(start.nowMs)) };
  }

  /** An entry that was stored under another epoch is not served: the epoch need not be compared where it is stored. */
  committed(commit: FillCommit): FillCommit {
    const at = this.#pairs ? commit.fenceKeys.indexOf(this.#epochKey) : -1;
    if (at === -1) return commit;
    return {
      ...commit,
      fenceKeys: commit.fenceKeys.toSpliced(at, 1),
      fences: commit.fences.toSpliced(at, 1),
    };
  }
}

function missingIfRefused(values: Promise<Values>): Promise<Values> {
  return values.catch(() => []);
}
