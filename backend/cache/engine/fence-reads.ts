// Fence reads of many requests, grouped the way databases group commits.
import { LRUCache } from "lru-cache";
import type { Store } from "../store/store.js";
import type { StoreGate } from "./store-gate.js";

/** What a read of some fences returned. */
export interface FenceSnapshot {
  readonly fences: readonly (string | null)[];
  readonly runId: string;
}

interface Known {
  readonly fence: string | null;
  readonly runId: string;
  readonly sentAtMs: number;
}

interface Batch {
  readonly keys: Set<string>;
  /** Resolves when the batch has been read: fences by key. */
  readonly answer: Promise<ReadonlyMap<string, Known>>;
  readonly settle: (answer: Promise<ReadonlyMap<string, Known>>) => void;
}

/** Reads of one group of keys: those that the store can answer in one round trip. */
interface Group {
  waiting: Batch | undefined;
  isReading: boolean;
}

const MAX_KNOWN = 20_000;

/**
 * At most one read of a group is in flight and one is waiting. A request joins the waiting one, which is sent after the request
 * arrived: a fence that was replaced before the request began is seen. It never joins the one in flight, which may have been
 * answered before the fence was replaced.
 */
export class FenceReads {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #groups = new Map<string, Group>();
  /** Recent answers, for routes that allow some staleness. */
  readonly #known = new LRUCache<string, Known>({ max: MAX_KNOWN });
  /** Counts this process's own invalidations: answers to reads that were sent before one are not remembered. */
  #invalidations = 0;

  constructor(store: Store, gate: StoreGate) {
    this.#store = store;
    this.#gate = gate;
  }

  /**
   * The fences as they are now, or, where `maxStalenessMs` is above 0, as they were at most so long ago. Rejects as the gate does.
   */
  async read(fenceKeys: readonly string[], maxStalenessMs: number): Promise<FenceSnapshot> {
    const known =
      maxStalenessMs > 0 && this.#gate.state === "closed"
        ? this.#recall(fenceKeys, maxStalenessMs)
        : undefined;
    return known ?? pick(fenceKeys, await this.#join(fenceKeys));
  }

  /** Called before this process replaces fences: its own changes take effect for its own reads at once. */
  forget(fenceKeys: readonly string[]): void {
    this.#invalidations++;
    for (const key of fenceKeys) this.#known.delete(key);
  }

  #recall(fenceKeys: readonly string[], maxStalenessMs: number): FenceSnapshot | undefined {
    const oldestMs = performance.now() - maxStalenessMs;
    const found = new Map<string, Known>();
    for (const key of fenceKeys) {
      const known = this.#known.get(key);
      if (!known || known.sentAtMs < oldestMs) return undefined;
      found.set(key, known);
    }
    return pick(fenceKeys, found);
  }

  #join(fenceKeys: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    const name = this.#store.groupOf(fenceKeys[0] ?? "");
    const group = this.#groups.get(name) ?? { waiting: undefined, isReading: false };
    this.#groups.set(name, group);
    const batch = group.waiting ?? newBatch();
    group.waiting = batch;
    for (const key of fenceKeys) batch.keys.add(key);
    // After this turn of the event loop, so that all requests that were read from their sockets in it share the round trip.
    if (!group.isReading) {
      group.isReading = true;
      setImmediate(() => this.#send(name, group));
    }
    return batch.answer;
  }

  #send(name: string, group: Group): void {
    const batch = group.waiting;
    group.waiting = undefined;
    if (!batch) {
      this.#groups.delete(name);
      return;
    }
    const answer = this.#ask([...batch.keys]);
    batch.settle(answer);
    const next = () => this.#send(name, group);
    answer.then(next, (error: unknown) => {
      // Those that wait have waited long enough: they do not try the same again.
      group.waiting?.settle(Promise.reject(error));
      group.waiting = undefined;
      next();
    });
  }

  async #ask(keys: readonly string[]): Promise<ReadonlyMap<string, Known>> {
    const sentAtMs = performance.now();
    const invalidations = this.#invalidations;
    const { fences, runId } = await this.#gate.run(() => this.#store.readFences(keys));
    const answer = new Map<string, Known>();
    for (const [index, key] of keys.entries())
      answer.set(key, { fence: fences[index] ?? null, runId, sentAtMs });
    if (invalidations === this.#invalidations) for (const [key, known] of answer) this.#known.set(key, known);
    return answer;
  }
}

/** A mixture of two servers' answers is no snapshot: its run id matches no entry. */
function pick(fenceKeys: readonly string[], known: ReadonlyMap<string, Known>): FenceSnapshot {
  const runIds = new Set(fenceKeys.map((key) => known.get(key)?.runId));
  const [runId = ""] = runIds;
  return {
    fences: fenceKeys.map((key) => known.get(key)?.fence ?? null),
    runId: runIds.size === 1 ? runId : "",
  };
}

function newBatch(): Batch {
  let settle: Batch["settle"] = () => undefined;
  const answer = new Promise<ReadonlyMap<string, Known>>((resolve) => {
    settle = resolve;
  });
  return { keys: new Set(), answer, settle };
}
