// The gate before the store: budget, circuit, and the rule that nothing is trusted until missed invalidations are replayed.
import type { Logger } from "../logger.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { clearTimeout, monotonicNow, setTimeout, type Timer } from "../timers.js";
import { DeadlineExceeded, DeadlineQueue } from "./deadline-queue.js";
import { RecoveryQueue } from "./recovery-queue.js";

/** A walk through all keys takes longer than any other operation; a walk that hangs is begun anew. */
const FORGET_ALL_WITHIN_MS = 60_000;

/** Thrown at once while the circuit is open. */
export class StoreUnavailable extends Error {
  override readonly name = "StoreUnavailable";
}

export type CircuitState = "closed" | "half-open" | "open";

export interface GateOptions {
  /** The longest that one store operation may take, milliseconds. */
  readonly budgetMs: number;
  /** Failures in a row that open the circuit. */
  readonly failureThreshold: number;
  /** The first pause before a probe, milliseconds; doubles up to `maxProbeIntervalMs`. */
  readonly probeIntervalMs: number;
  readonly maxProbeIntervalMs: number;
  readonly maxPendingInvalidations: number;
  readonly fenceTtlMs: number;
}

/**
 * Every store operation of a request goes through {@link run}. The circuit starts open, closes when a probe answers and all
 * pending invalidations have been replayed, and opens on a lost connection, on failures in a row, and on any
 * invalidation that fails: from then on this process cannot know which entries are old.
 */
export class StoreGate {
  readonly recovery: RecoveryQueue;
  readonly #store: Store;
  readonly #keys: KeySpace;
  readonly #options: GateOptions;
  readonly #logger: Logger;
  readonly #deadlines: DeadlineQueue;
  readonly #whenClosed: Array<() => void> = [];
  #state: CircuitState = "open";
  #storeIsUp = false;
  #failuresInARow = 0;
  #answeredAtMs = 0;
  #wasSilent = false;
  #probeDelayMs: number;
  #probeTimer: Timer | undefined;
  #openedAtMs = monotonicNow();
  #announced: "nothing" | "up" | "down" = "nothing";
  #latencyMs: number | null = null;
  #stopped = false;

  constructor(store: Store, keys: KeySpace, options: GateOptions, logger: Logger) {
    this.#store = store;
    this.#keys = keys;
    this.#options = options;
    this.#logger = logger;
    this.#deadlines = new DeadlineQueue(options.budgetMs);
    this.#probeDelayMs = options.probeIntervalMs;
    this.recovery = new RecoveryQueue(options.maxPendingInvalidations);
    store.listen({
      up: () => {
        this.#storeIsUp = true;
        this.#scheduleProbe(0);
      },
      down: (reason) => {
        this.#storeIsUp = false;
        this.#open(reason);
      },
    });
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** How long the last probe took, milliseconds; `null` before the first. */
  get latencyMs(): number | null {
    return this.#latencyMs;
  }

  /** Resolves once the circuit is closed; with false where that does not happen within `timeoutMs`. */
  async whenClosed(timeoutMs: number): Promise<boolean> {
    if (this.#state === "closed") return true;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this.#whenClosed.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }

  /** When an operation that begins now must have answered, on the clock of {@link monotonicNow}. */
  expiry(): number {
    return monotonicNow() + this.#options.budgetMs;
  }

  /**
   * Runs an operation within the budget, or, where a request has used up a part of that already, until `expiresAtMs`.
   *
   * @throws StoreUnavailable at once while the circuit is not closed
   * @throws DeadlineExceeded after the budget; the operation may still take effect in the store
   */
  async run<T>(operation: () => Promise<T>, expiresAtMs?: number): Promise<T> {
    if (this.#state !== "closed") throw new StoreUnavailable(`the circuit is ${this.#state}`);
    const startedAtMs = monotonicNow();
    try {
      const result = await this.bound(operation(), expiresAtMs);
      this.#failuresInARow = 0;
      this.#answeredAtMs = monotonicNow();
      return result;
    } catch (error) {
      this.#failuresInARow++;
      // Nothing at all was answered for as long as the budget: the store hangs, and nobody else should wait to find out.
      const hangs =
        error instanceof DeadlineExceeded && this.#answeredAtMs < startedAtMs && expiresAtMs === undefined;
      if (hangs) this.#wasSilent = true;
      if (hangs || this.#failuresInARow >= this.#options.failureThreshold) this.#open(reasonOf(error));
      throw error;
    }
  }

  /** Rejects with {@link DeadlineExceeded} where the work takes longer than the budget; says nothing about the store. */
  bound<T>(work: Promise<T>, expiresAtMs?: number): Promise<T> {
    if (expiresAtMs === undefined) return this.#deadlines.race(work);
    // What this process did meanwhile (a crowd of requests for a cold entry) is not the store's time: it gets half a budget at least.
    const remainingMs = Math.max(expiresAtMs - monotonicNow(), this.#options.budgetMs / 2);
    return new DeadlineQueue(remainingMs).race(work);
  }

  /** Opens the circuit: what the caller asked for may or may not have taken effect. */
  distrust(error: unknown): void {
    this.#open(reasonOf(error));
  }

  /**
   * Replaces fences, or remembers that they must be. Resolves with true once the store has confirmed; with false where it
   * could not within the budget: this process then serves nothing from the cache until the replay.
   */
  async invalidate(
    tenant: string,
    fenceKeys: readonly string[],
    replace: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await this.run(replace);
      return true;
    } catch (error) {
      this.recovery.add(this.#keys.fence(tenant), fenceKeys);
      if (error instanceof DeadlineExceeded) this.#wasSilent = true;
      this.distrust(error);
      return false;
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#state = "open";
    clearTimeout(this.#probeTimer);
  }

  #open(reason: string): void {
    if (this.#stopped) return;
    if (this.#state === "closed") this.#openedAtMs = monotonicNow();
    const wasProbing = this.#state === "half-open";
    if (!wasProbing) this.#state = "open";
    if (this.#announced !== "down") {
      this.#announced = "down";
      this.#logger.warn(`express-tenant-cache: store away (${reason}); requests go to their handlers`);
    }
    if (this.#storeIsUp && !wasProbing) this.#scheduleProbe(this.#probeDelayMs);
  }

  #scheduleProbe(delayMs: number): void {
    if (this.#stopped || this.#state === "closed") return;
    if (delayMs === 0) clearTimeout(this.#probeTimer);
    else if (this.#probeTimer) return;
    this.#probeTimer = setTimeout(() => {
      this.#probeTimer = undefined;
      if (this.#state === "open" && this.#storeIsUp) void this.#probe();
    }, delayMs);
    this.#probeTimer.unref();
  }

  async #probe(): Promise<void> {
    this.#state = "half-open";
    try {
      const startedAtMs = monotonicNow();
      await this.bound(this.#store.ping());
      this.#latencyMs = monotonicNow() - startedAtMs;
      // A master that hung may have been replaced meanwhile, and answers as if nothing had happened.
      const wasSilent = this.#wasSilent;
      this.#wasSilent = false;
      if (wasSilent && this.#store.renew?.()) throw new StoreUnavailable("connecting anew");
      let replayed = 0;
      // Mutations that end during the replay queue up again, because the circuit is not closed yet; the last look at
      // the queue and the closing are one synchronous step.
      while (!this.recovery.isEmpty) replayed += await this.#replay();
      if (!this.#storeIsUp || this.#stopped) throw new StoreUnavailable("the connection was lost again");
      this.#close(replayed);
    } catch (error) {
      this.#state = "open";
      if (error instanceof DeadlineExceeded) this.#wasSilent = true;
      this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, this.#options.maxProbeIntervalMs);
      if (this.#storeIsUp) this.#scheduleProbe(this.#probeDelayMs);
    }
  }

  async #replay(): Promise<number> {
    const before = this.recovery.replayed;
    for (let batch = this.recovery.take(); batch; batch = this.recovery.take()) {
      try {
        if (batch === "everything") {
          await this.bound(this.#store.forgetAllFences(), monotonicNow() + FORGET_ALL_WITHIN_MS);
        } else {
          const { fenceKeys } = batch;
          await this.bound(this.#store.replaceFences(fenceKeys, this.#options.fenceTtlMs));
        }
      } catch (error) {
        this.recovery.restore(batch);
        throw error;
      }
      this.recovery.confirm(batch);
    }
    return this.recovery.replayed - before;
  }

  #close(replayed: number): void {
    this.#state = "closed";
    this.#failuresInARow = 0;
    this.#probeDelayMs = this.#options.probeIntervalMs;
    if (this.#announced === "down") {
      const awaySeconds = ((monotonicNow() - this.#openedAtMs) / 1000).toFixed(1);
      this.#logger.info(
        `express-tenant-cache: store back after ${awaySeconds} s; ${replayed} pending invalidations replayed`,
      );
    }
    this.#announced = "up";
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
