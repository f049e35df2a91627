// Does faults to a run, one after the other.
import { setTimeout as delay } from "node:timers/promises";
import type { BackendPool } from "./backend-pool.js";
import type { FaultName, Faults, FaultWork } from "./faults.js";
import { pick, type Random, seededRandom } from "./random.js";

/** When a fault was done; it ends when it has been undone. */
export interface FaultRecord {
  readonly name: FaultName;
  readonly beganAtMs: number;
  endedAtMs: number | undefined;
}

/** Does one fault after the other: the next begins when all backends have recovered from the last. */
export class Nemesis {
  readonly log: FaultRecord[] = [];
  /** Why no more faults are done: one could not be undone. */
  failure: unknown;
  readonly #faults: Faults;
  readonly #pool: BackendPool;
  readonly #work: FaultWork;
  readonly #random: Random;
  readonly #pauseMs: number;
  #running: Promise<void> = Promise.resolve();
  #done = 0;
  readonly #stop = new AbortController();

  /** @param pauseMs mean pause between faults */
  constructor(
    faults: Faults,
    pool: BackendPool,
    work: FaultWork,
    options: { readonly seed: number; readonly pauseMs: number },
  ) {
    this.#faults = faults;
    this.#pool = pool;
    this.#work = work;
    this.#random = seededRandom(options.seed);
    this.#pauseMs = options.pauseMs;
  }

  /** Faults that were done and undone, and recovered from. */
  get done(): number {
    return this.#done;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      const isStopped = error instanceof Error && error.name === "AbortError";
      if (!isStopped) this.failure = error;
    });
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Each fault once in a random order, then again. */
  async #run(): Promise<void> {
    const random = this.#random;
    const names = Object.keys(this.#faults) as FaultName[];
    let left: FaultName[] = [];
    while (names.length > 0) {
      if (left.length === 0) left = names;
      const name = pick(random, left);
      left = left.filter((other) => other !== name);
      await delay(2 * this.#pauseMs * random(), undefined, { signal: this.#stop.signal });
      const record: FaultRecord = { name, beganAtMs: performance.now(), endedAtMs: undefined };
      this.log.push(record);
      await this.#faults[name]?.(random, this.#work);
      record.endedAtMs = performance.now();
      await this.#pool.settled();
      this.#done++;
    }
  }
}
