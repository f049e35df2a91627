// The writer's side of read leases: what a change of fences has to wait for before it counts as made.
// Tests: test/integration/leased-reads.test.ts, test/faults/leased-registry.test.ts, test/faults/leased-store-away.test.ts
import { later } from "../../later.js";
import { clearTimeout, delay, monotonicNow, type Timer } from "../../timers.js";
import { READ_LEASE_MS } from "../read-lease.js";

/** Timers end up to a millisecond early; and clocks do not go equally fast. */
const WAITED_MS = READ_LEASE_MS + 2;

/** What the registry has to be told once a lease has been lived through: who has not answered, or that it is ripe. */
export interface Settlement {
  /** Empty: there was no registry; "-": one of another server. */
  readonly generation: string;
  /** As the registry has them. */
  readonly silent: readonly string[];
}

interface Waiting {
  readonly generation: string;
  readonly told: number;
  /** By their ids, as the registry has them. */
  readonly readers: Map<string, string>;
  readonly release: () => void;
}

interface Acknowledged {
  readonly generation: string;
  readonly told: number;
}

export class ToldReaders {
  readonly #self: string;
  readonly #settle: (settlement: Settlement) => void;
  readonly #waiting = new Set<Waiting>();
  readonly #acknowledged = new Map<string, Acknowledged>();
  /** Whether a registry that is not there is one that was lost. */
  #isAware = false;
  #last: Promise<void> | undefined;

  /** @param settle called when a lease has been lived through */
  constructor(self: string, settle: (settlement: Settlement) => void) {
    this.#self = self;
    this.#settle = settle;
  }

  /** From now on a registry that is not there has been lost. */
  beAware(): void {
    this.#isAware = true;
  }

  /** Readers that have acknowledged something, and are not known to have left. */
  get acknowledging(): number {
    return this.#acknowledged.size;
  }

  /** Present while the last change is not known to all: resolves when it is, or when no lease from before it can be alive. */
  get untilForgotten(): Promise<void> | undefined {
    return this.#last;
  }

  /**
   * Present while a lease may be held that was given before the store was lost: nobody else can be told either, and hits go on.
   *
   * @param lostAtMs of the monotonic clock
   */
  untilEnded(lostAtMs: number): Promise<void> | undefined {
    const leftMs = this.#isAware ? lostAtMs + WAITED_MS - monotonicNow() : 0;
    return leftMs > 0 ? delay(leftMs, undefined, { ref: false }) : undefined;
  }

  /**
   * A change of fences is confirmed.
   *
   * @param reply what `tellReaders` has left
   * @returns whether others have to acknowledge it
   */
  changed(reply: string): boolean {
    const [generation = "", told = "", ripe = "", ...named] = reply.split(" ");
    if (generation !== "") this.#isAware = true;
    else if (!this.#isAware) return false;
    const readers = new Map(named.map((each) => [each.slice(0, each.indexOf(":")), each]));
    readers.delete(this.#self);
    if (ripe !== "1") this.#begin({ generation, told: Number.POSITIVE_INFINITY, readers });
    else {
      for (const [reader, at] of this.#acknowledged) {
        if (at.generation === generation && at.told >= Number(told)) readers.delete(reader);
        // Processes come and go.
        else if (!readers.has(reader)) this.#acknowledged.delete(reader);
      }
      if (readers.size > 0) this.#begin({ generation, told: Number(told), readers });
      else this.#last = undefined;
    }
    return readers.size > 0;
  }

  /** A reader has forgotten all up to a number. */
  acknowledge(generation: string, told: number, reader: string): void {
    const before = this.#acknowledged.get(reader);
    if (before?.generation === generation && before.told >= told) return;
    // Those of an earlier generation will not be asked for again.
    if (before?.generation !== generation)
      for (const [name, at] of this.#acknowledged)
        if (at.generation !== generation) this.#acknowledged.delete(name);
    this.#acknowledged.set(reader, { generation, told });
    for (const waiting of this.#waiting) {
      if (waiting.generation !== generation || waiting.told > told) continue;
      waiting.readers.delete(reader);
      if (waiting.readers.size === 0) waiting.release();
    }
  }

  #begin({ generation, told, readers }: Omit<Waiting, "release">): void {
    const untilMs = monotonicNow() + WAITED_MS;
    const made = new Promise<void>((resolve) => {
      let timer: Timer | undefined;
      const release = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiting);
        if (this.#last === made) this.#last = undefined;
        resolve();
      };
      const waiting = { generation, told, readers, release };
      const end = () => {
        const leftMs = untilMs - monotonicNow();
        if (leftMs > 0) {
          timer = later(leftMs, end);
          return;
        }
        release();
        this.#settle({ generation, silent: [...readers.values()] });
      };
      timer = later(WAITED_MS, end);
      this.#waiting.add(waiting);
    });
    this.#last = made;
  }
}
