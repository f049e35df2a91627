// Reads of fences and entries for many requests, grouped the way databases group commits.
//
// A hit costs a round trip to the store, because its fences must be the current ones. Requests that come at
// the same time share it.
//
// Batches. What requests ask for is gathered in a `Batch`, and sent after the turn of the event loop in which
// the first of them asked, when all sockets that were readable have been read, or as soon as it is full. A batch goes to one server.
// On a Cluster keys of different slots cannot be read together, so there is a batch for each group of keys
// (`Store.groupOf`).
//
// Why a request that shares is fresh. A request joins only a batch that is sent after the request came. A
// fence that was replaced before the request began is therefore seen. It never joins one that is in flight:
// the store may have answered that before the fence was replaced.
//
// How many are in flight. Of batches with fences alone one is in flight, and the next waits for its answer;
// the busier the process, the larger the batches. Batches with entries do not wait for each other, because their
// bytes take long, until a window of entries is full (`read-window.ts`): a crowd waits here, where that is no
// sign of a store that hangs, and not in the store.
//
// Remembered fences. A route may allow hits that are some milliseconds old (`maxStaleness`). For these the
// last answers are kept (`#known`), and a hit within that time asks nobody (`recalls`). Fences that such hits
// have relied on, and that are halfway through their time, are read again with the next batch (`#renew`), so
// that hits go on without a read of their own. What this process invalidates itself is forgotten before and
// after (`forget`): its own changes take effect for its own reads at once.
//
// Lent memory. A store may lend the memory of an entry's bytes, and use it again once they are sent
// (`Store.giveBack`). Only a request that was alone in asking for the entry gets the bytes as a loan: others
// would still be reading them.
import { BoundedMap } from "../bounded-map.js";
import type { ReadLease } from "../store/read-lease.js";
import type { Snapshot, Store } from "../store/store.js";
import { idleMs, monotonicNow, setImmediate } from "../timers.js";
import { Batch, type CarriedFences } from "./read-batch.js";
import { ReadWindow } from "./read-window.js";
import type { StoreGate } from "./store-gate.js";

/** A fence as the last read returned it. */
interface Known {
  readonly key: string;
  readonly group: string;
  fence: string | null;
  runId: string;
  sentAtMs: number;
  /** Whether a hit has relied on it since, and how old it may be for that. */
  isWanted: boolean;
  maxStalenessMs: number;
}

/** Reads of one group of keys: those that the store can answer in one round trip. */
interface Group {
  /** In the order in which they are sent; the last still takes requests. */
  readonly waiting: Batch[];
  isScheduled: boolean;
  underWay: number;
  entriesUnderWay: number;
}

/** What is remembered of fences: those of some ten thousand tenants. */
const MAX_KNOWN_CHARACTERS = 4 * 1024 * 1024;
/** Fences that one read renews beside those that it is made for. */
const MAX_RENEWED = 500;

export class GroupedReads {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #onLoan: boolean;
  readonly #groups = new Map<string, Group>();
  readonly #window: ReadWindow;
  /** Recent answers, for routes that allow some staleness. */
  #known = new BoundedMap<Known>({ maxCharacters: MAX_KNOWN_CHARACTERS });
  #remembers = false;
  /** What hits have relied on since it was read. */
  #wanted: Known[] = [];
  readonly #underWay = new Set<Batch>();

  /** @param onLoan whether entries may be in memory that the store uses again: see {@link Store.giveBack} */
  constructor(store: Store, gate: StoreGate, onLoan: boolean) {
    this.#store = store;
    this.#gate = gate;
    this.#onLoan = onLoan;
    this.#window = new ReadWindow(gate.budgetMs);
  }

  /**
   * Whether a read found the fences as the entry carries them, that was sent at most `maxStalenessMs` ago or, with a lease, while
   * that has been held.
   */
  recalls(
    fenceKeys: readonly string[],
    carried: CarriedFences,
    maxStalenessMs: number,
    lease?: ReadLease,
  ): boolean {
    this.#remembers = true;
    const nowMs = monotonicNow();
    const oldestMs = lease ? lease.heldSince(nowMs) : nowMs - maxStalenessMs;
    for (let index = 0; index < fenceKeys.length; index++) {
      const known = this.#known.get(fenceKeys[index] ?? "");
      if (!known || known.sentAtMs < oldestMs) return false;
      if (known.fence !== carried.fences[index] || known.runId !== carried.runId) return false;
      if (lease || known.isWanted) continue;
      known.isWanted = true;
      known.maxStalenessMs = maxStalenessMs;
      this.#wanted.push(known);
    }
    return true;
  }

  /**
   * Reads fences, and an entry where one is named, in a round trip that begins after this call and is shared
   * with others. Rejects as the gate does.
   */
  read(fenceKeys: readonly string[], entryKey?: string): Promise<Batch> {
    const name = this.#store.groupOf(fenceKeys[0] ?? "");
    let group = this.#groups.get(name);
    if (!group) {
      group = { waiting: [], isScheduled: false, underWay: 0, entriesUnderWay: 0 };
      this.#groups.set(name, group);
    }
    // Fences alone make no batch larger, and stand behind no crowd.
    let batch = entryKey === undefined ? group.waiting[0] : group.waiting.at(-1);
    if (!batch || (entryKey !== undefined && !batch.hasRoomFor(entryKey))) {
      batch = new Batch(this.#onLoan);
      group.waiting.push(batch);
    }
    batch.ask(fenceKeys, entryKey);
    // The store works on it while the rest of the crowd is read from its sockets.
    if (batch.isFull && group.waiting[0] === batch && this.#mayGo(group)) this.#sendNext(name, group);
    else this.#schedule(name, group);
    return batch.answered;
  }

  /** Called before and after this process replaces fences, and where others have. */
  forget(fenceKeys: readonly string[]): void {
    for (const key of fenceKeys) this.#known.delete(key);
    for (const batch of this.#underWay) batch.forget(fenceKeys);
  }

  /** For invalidations that reach more than can be named. */
  forgetAll(): void {
    for (const batch of this.#underWay) batch.forget(batch.fenceKeys);
    this.#known = new BoundedMap<Known>({ maxCharacters: MAX_KNOWN_CHARACTERS });
  }

  /**
   * After this turn of the event loop, so that all requests that were read from their sockets in it share the
   * round trip.
   */
  #schedule(name: string, group: Group): void {
    if (group.isScheduled || !this.#mayGo(group)) return;
    group.isScheduled = true;
    setImmediate(() => {
      group.isScheduled = false;
      while (this.#mayGo(group)) this.#sendNext(name, group);
    });
  }

  /** Whether there is a next batch, and it need not wait for those in flight. */
  #mayGo({ waiting: [next], underWay, entriesUnderWay }: Group): boolean {
    if (!next) return false;
    if (underWay === 0) return true;
    if (next.entryCount > 0) return this.#window.hasRoom(entriesUnderWay, next.entryCount);
    next.expiresAtMs ??= this.#gate.expiry();
    return false;
  }

  #sendNext(name: string, group: Group): void {
    const batch = group.waiting.shift() as Batch;
    const { entryCount } = batch;
    group.underWay++;
    group.entriesUnderWay += entryCount;
    const sentAtMs = monotonicNow();
    const idleBeforeMs = idleMs();
    const answered = () => {
      group.underWay--;
      group.entriesUnderWay -= entryCount;
      if (group.waiting.length > 0) this.#schedule(name, group);
      else if (group.underWay === 0) this.#groups.delete(name);
    };
    this.#renew(name, batch);
    this.#ask(name, batch).then(
      () => {
        if (entryCount > 0)
          this.#window.took({
            durationMs: monotonicNow() - sentAtMs,
            idleMs: idleMs() - idleBeforeMs,
            isScarce: group.waiting.length > 0,
          });
        answered();
      },
      (error: unknown) => {
        batch.fail(error);
        // One of fences alone has waited for this one, and would only meet the same store: it fails, too.
        if (!group.isScheduled && group.waiting[0]?.entryCount === 0) group.waiting.shift()?.fail(error);
        answered();
      },
    );
  }

  /** Has fences in use that are halfway through their time read along with the batch. */
  #renew(name: string, batch: Batch): void {
    if (this.#wanted.length === 0) return;
    const wanted = this.#wanted;
    this.#wanted = [];
    const nowMs = monotonicNow();
    let renewed = 0;
    for (const known of wanted) {
      known.isWanted = false;
      if (known.group !== name || nowMs - known.sentAtMs < known.maxStalenessMs / 2) continue;
      if (renewed++ < MAX_RENEWED) batch.ask([known.key], undefined);
    }
  }

  async #ask(group: string, batch: Batch): Promise<void> {
    const sentAtMs = monotonicNow();
    const { fenceKeys, entryKeys } = batch;
    const read = () => this.#store.read(fenceKeys, entryKeys, this.#onLoan);
    this.#underWay.add(batch);
    let snapshot: Snapshot;
    try {
      snapshot = await this.#gate.run(read, batch.expiresAtMs);
    } finally {
      this.#underWay.delete(batch);
    }
    if (this.#remembers) {
      for (const [index, key] of fenceKeys.entries()) {
        if (batch.isForgotten(key)) continue;
        this.#remember(group, key, snapshot.fences[index] ?? null, snapshot.runId, sentAtMs);
      }
    }
    batch.answer(snapshot);
  }

  #remember(group: string, key: string, fence: string | null, runId: string, sentAtMs: number): void {
    const known = this.#known.get(key);
    // Reads of entries overtake each other: what a later one has found stays.
    if (known && known.sentAtMs > sentAtMs) return;
    if (known) Object.assign(known, { fence, runId, sentAtMs });
    else this.#known.set(key, { key, group, fence, runId, sentAtMs, isWanted: false, maxStalenessMs: 0 });
  }
}
