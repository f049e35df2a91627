// Does faults to a run, one after the other.
import { setTimeout as delay } from "node:timers/promises";
import type { BackendPool } from "./checked-pool.js";
import { machineNowMs } from "./clock.js";
import { FAULTS, type FaultName, type Faults, type FaultWork } from "./faults.js";
import { pick, type Random, seededRandom } from "./random.js";
import type { Timeline } from "./timeline.js";

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
  readonly #timeline: Timeline;
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
    timeline: Timeline,
    options: { readonly seed: number; readonly pauseMs: number },
  ) {
    this.#faults = faults;
    this.#pool = pool;
    this.#work = work;
    this.#timeline = timeline;
    this.#random = seededRandom(options.seed);
    this.#pauseMs = options.pauseMs;
  }

  /** Faults that were done and undone, and recovered from. */
  get done(): number {
    return this.#done;
  }

  start(): void {
    this.#running = this.#run().catch((error: unknown) => {
      const isStopped = Reflect.get(Object(error), "name") === "AbortError";
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
      const record: FaultRecord = { name, beganAtMs: machineNowMs(), endedAtMs: undefined };
      this.log.push(record);
      this.#timeline.note(`FAULT begins: ${FAULTS[name]}`);
      await this.#faults[name]?.(random, this.#work);
      record.endedAtMs = machineNowMs();
      this.#timeline.note("FAULT undone");
      await this.#pool.settled();
      this.#timeline.note("FAULT over: all processes have recovered");
      this.#done++;
    }
  }
}
