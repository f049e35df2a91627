// How much work is done at a time, altogether and for one caller: who asks for a lot waits behind the others, and not they behind it.

export interface WorkBounds {
  /** At a time, of all callers. Default: as much as they may do each. */
  readonly atOnce?: number;
  /** At a time, of one caller. */
  readonly atOncePerCaller: number;
  /** How much of one caller's may wait. */
  readonly waitingPerCaller: number;
  /** How much may wait altogether. Default: as much as callers may have waiting each. */
  readonly waiting?: number;
}

/** There is no room to wait in. */
export class TooMuchWork extends Error {
  override readonly name = "TooMuchWork";
}

interface Caller {
  running: number;
  readonly waiting: (() => void)[];
}

/** Callers that wait take turns; what one of them waits for is done in its order. */
export class BoundedWork {
  readonly #bounds: Required<WorkBounds>;
  /** Those that do or wait for something: whoever is next comes first. */
  readonly #callers = new Map<string, Caller>();
  #running = 0;
  #waiting = 0;

  constructor({ atOnce = Infinity, waiting = Infinity, ...bounds }: WorkBounds) {
    this.#bounds = { atOnce, waiting, ...bounds };
  }

  /** At a time, of all callers and of one. */
  get bounds(): Readonly<Required<WorkBounds>> {
    return this.#bounds;
  }

  /**
   * Resolves or rejects as `work` does, once it had its turn.
   * @throws TooMuchWork at once, where too much waits already
   */
  async run<T>(caller: string, work: () => Promise<T> | T): Promise<T> {
    await this.#turn(caller);
    try {
      return await work();
    } finally {
      this.#done(caller);
    }
  }

  #turn(name: string): Promise<void> | undefined {
    const caller = this.#callers.get(name) ?? { running: 0, waiting: [] };
    if (this.#mayRun(caller)) {
      this.#callers.set(name, caller);
      this.#start(caller);
      return undefined;
    }
    const { waiting, waitingPerCaller } = this.#bounds;
    if (caller.waiting.length >= waitingPerCaller || this.#waiting >= waiting) throw new TooMuchWork();
    this.#callers.set(name, caller);
    this.#waiting++;
    return new Promise((resolve) => caller.waiting.push(resolve));
  }

  #mayRun({ running }: Caller): boolean {
    return this.#running < this.#bounds.atOnce && running < this.#bounds.atOncePerCaller;
  }

  #start(caller: Caller): void {
    caller.running++;
    this.#running++;
  }

  #done(name: string): void {
    const caller = this.#callers.get(name);
    if (caller) {
      caller.running--;
      // Whoever has had a turn comes behind the others.
      this.#callers.delete(name);
      if (caller.running > 0 || caller.waiting.length > 0) this.#callers.set(name, caller);
    }
    this.#running--;
    for (const [next, waiter] of this.#callers) {
      if (this.#running >= this.#bounds.atOnce) return;
      if (waiter.waiting.length === 0 || !this.#mayRun(waiter)) continue;
      this.#start(waiter);
      this.#waiting--;
      this.#callers.delete(next);
      this.#callers.set(next, waiter);
      waiter.waiting.shift()?.();
      return;
    }
  }
}
