// The gate before the store: budget, circuit, and the rule that nothing is trusted until missed invalidations are replayed.
import { BackOff } from "../back-off.js";
import { later } from "../later.js";
import type { Logger } from "../logger.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import { GroupUnavailable, NoCounter, StoreFull, ValueTooLarge } from "../store/store-errors.js";
import { clearTimeout, monotonicNow, type Timer } from "../timers.js";
import { DeadlineExceeded, DeadlineQueue, type OverloadTerms } from "./deadline-queue.js";
import { isCertain, reasonOf, StoreUnavailable } from "./failures.js";
import { fullness } from "./fullness.js";
import { type CircuitState, type GateOptions, overloadTerms } from "./gate-options.js";
import { MissedInvalidations } from "./missed-invalidations.js";
import { Occasions } from "./occasions.js";
import { Outages } from "./outages.js";
import type { RecoveryQueue } from "./recovery-queue.js";
import { Refusals } from "./refusals.js";
import type { Restriction } from "./restriction.js";
import { StartUp } from "./start-up.js";

export { StoreUnavailable } from "./failures.js";

/**
 * Every store operation of a request goes through {@link run}. The circuit closes when a probe answers, which tries
 * all that requests need, and all pending invalidations have been replayed. It opens on a lost connection, on
 * failures in a row, and on any invalidation that fails: from then on this process cannot know which entries are
 * old. What concerns one group of keys, or room for new ones, opens nothing.
 */
export class StoreGate {
  /** The longest that one operation may take, milliseconds. */
  readonly budgetMs: number;
  readonly #missed: MissedInvalidations;
  readonly #fullness: Restriction;
  /** What the server refuses is counted here, because hits may go on while it refuses all else. */
  readonly #refusals: Refusals;
  readonly #outages: Outages;
  readonly #store: Store;
  readonly #options: GateOptions;
  readonly #overload: OverloadTerms;
  readonly #deadlines: DeadlineQueue;
  readonly #closings = new Occasions();
  #state: CircuitState = "open";
  #startUp: StartUp | undefined;
  #storeIsUp = false;
  #failuresInARow = 0;
  #answeredAtMs = 0;
  #wasSilent = false;
  #probeTimer: Timer | undefined;
  #latencyMs: number | null = null;
  #stopped = false;

  constructor(store: Store, keys: KeySpace, options: GateOptions, logger: Logger) {
    const { budgetMs, probeIntervalMs, maxProbeIntervalMs } = options;
    this.budgetMs = budgetMs;
    this.#store = store;
    this.#options = options;
    this.#overload = overloadTerms(budgetMs, () => this.#answeredAtMs);
    this.#deadlines = new DeadlineQueue(budgetMs, this.#overload);
    const bound: typeof this.bound = (work, expiresAtMs) => this.bound(work, expiresAtMs);
    this.#missed = new MissedInvalidations(store, keys, options, bound, logger);
    this.#outages = new Outages(logger, new BackOff(probeIntervalMs, maxProbeIntervalMs));
    this.#refusals = new Refusals(options.failureThreshold, () => this.#verify());
    this.#fullness = fullness(() => bound(store.ping()), logger);
    if (store.isInProcess) {
      this.#state = "closed";
      this.#latencyMs = 0;
    } else this.#startUp = new StartUp(() => this.#open("not connected yet", false));
    store.listen({
      up: () => {
        this.#storeIsUp = true;
        this.#scheduleProbe(this.#outages.nextProbeMs(true));
      },
      down: (reason) => {
        this.#storeIsUp = false;
        this.#open(reason);
      },
      notice: (notice) => logger.warn(`express-tenant-cache: ${notice}`),
    });
  }

  get state(): CircuitState {
    return this.#state;
  }

  /** Why the store is not in use, or not for everything; `null` where it is. */
  get reason(): string | null {
    if (this.#stopped) return "the cache is closed";
    if (this.#state === "closed") return this.#missed.groups.reason ?? this.#fullness.reason ?? null;
    return this.#outages.reason ?? "not connected yet";
  }

  /** Invalidations that wait for the whole store. */
  get recovery(): RecoveryQueue {
    return this.#missed.queue;
  }

  /** All invalidations that wait, and those that waited and have been written since the process began. */
  get missed(): Pick<MissedInvalidations, "pending" | "replayed"> {
    return this.#missed;
  }

  /** How long the last probe took, milliseconds; `null` before the first. */
  get latencyMs(): number | null {
    return this.#latencyMs;
  }

  /** Until the store has answered, or is known not to. Resolves then, and a budget after the first request at the latest. */
  get starting(): Promise<void> | undefined {
    return this.#startUp?.within((ended) => this.bound(ended));
  }

  /** Calls `listener` whenever the circuit closes. */
  onClosed(listener: () => void): void {
    this.#closings.on(listener);
  }

  /** Resolves once the circuit is closed; with false where that does not happen within `timeoutMs`. */
  async whenClosed(timeoutMs: number): Promise<boolean> {
    return this.#isClosed() || this.#closings.within(timeoutMs);
  }

  /** When an operation that begins now must have answered, on the clock of {@link monotonicNow}. */
  expiry(): number {
    return monotonicNow() + this.budgetMs;
  }

  /**
   * Runs an operation within the budget, or, where a request has used up a part of that already, until
   * `expiresAtMs`.
   *
   * @throws StoreUnavailable while the circuit is not closed: at once, but for the first moments
   * @throws DeadlineExceeded after the budget; the operation may still take effect in the store
   */
  async run<T>(operation: () => Promise<T>, expiresAtMs?: number): Promise<T> {
    if (!this.#isClosed()) await this.starting;
    if (!this.#isClosed()) throw new StoreUnavailable(`the circuit is ${this.#state}`);
    const startedAtMs = monotonicNow();
    try {
      const result = await this.bound(operation(), expiresAtMs);
      this.#answered();
      this.#options.latencies?.took("roundTrip", this.#answeredAtMs - startedAtMs);
      return result;
    } catch (error) {
      // Nothing was answered for a whole budget: the store hangs, and nobody else should wait to find out.
      const hangs =
        error instanceof DeadlineExceeded && this.#answeredAtMs < startedAtMs && expiresAtMs === undefined;
      if (hangs) this.#wasSilent = true;
      this.#failed(error, hangs);
      throw error;
    }
  }

  /** Rejects with {@link DeadlineExceeded} where the work takes longer than the budget. */
  bound<T>(work: Promise<T>, expiresAtMs?: number): Promise<T> {
    if (expiresAtMs === undefined) return this.#deadlines.race(work);
    // What this process did meanwhile (a crowd for a cold entry) is not the store's time: half a budget at least.
    const remainingMs = Math.max(expiresAtMs - monotonicNow(), this.budgetMs / 2);
    return new DeadlineQueue(remainingMs, this.#overload).race(work);
  }

  /** Opens the circuit after what may have taken effect; not for errors of new keys or one group alone. */
  distrust(error: unknown): void {
    if (!(error instanceof StoreFull || error instanceof GroupUnavailable)) this.#open(this.#reasonOf(error));
  }

  /**
   * Replaces fences, or remembers that they must be. Resolves once nobody answers from memory what was before: with false where the
   * store could not confirm within the budget. This process then serves nothing from the cache until the replay.
   */
  async invalidate(
    tenant: string,
    fenceKeys: readonly string[],
    replace: () => Promise<void>,
  ): Promise<boolean> {
    try {
      await this.run(replace);
      await this.#store.untilForgotten?.();
      return true;
    } catch (error) {
      if (error instanceof DeadlineExceeded) this.#wasSilent = true;
      if (this.#missed.add(tenant, fenceKeys, error)) this.#open(this.#reasonOf(error), isCertain(error));
      await this.untilLeasesEnd();
      return false;
    }
  }

  /** Present while others may answer from what they read before the store was lost. */
  untilLeasesEnd(): Promise<void> | undefined {
    return this.#store.untilForgotten?.(this.#outages.lostAtMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#state = "open";
    this.#endStart();
    clearTimeout(this.#probeTimer);
    for (const part of [this.#outages, this.#missed.groups, this.#fullness]) part.stop();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #answered(): void {
    this.#failuresInARow = 0;
    this.#answeredAtMs = monotonicNow();
  }

  /** Tells a store that has failed from one that has only refused this. */
  #failed(error: unknown, hangs: boolean): void {
    if (error instanceof ValueTooLarge || error instanceof NoCounter) this.#answered();
    else if (error instanceof StoreFull) {
      this.#answered();
      this.#fullness.begin(error.message);
    } else if (error instanceof GroupUnavailable) {
      this.#answered();
      this.#missed.groups.sighted(error);
    } else if (hangs || ++this.#failuresInARow >= this.#options.failureThreshold) {
      this.#open(this.#reasonOf(error), isCertain(error));
    } else if (!isCertain(error)) this.#refusals.add();
  }

  #verify(): void {
    this.#try().catch((error: unknown) => this.#open(this.#reasonOf(error)));
  }

  #open(reason: string | undefined, isCertain = true): void {
    if (this.#stopped) return;
    this.#endStart();
    const wasProbing = this.#state === "half-open";
    if (!wasProbing) this.#state = "open";
    if (this.#outages.reason === undefined) this.#outages.began(reason, isCertain);
    else if (reason !== undefined) this.#outages.explained(reason);
    if (this.#storeIsUp && !wasProbing) this.#scheduleProbe(this.#outages.nextProbeMs(!isCertain));
  }

  #scheduleProbe(delayMs: number): void {
    if (this.#stopped || this.#isClosed()) return;
    if (delayMs === 0) clearTimeout(this.#probeTimer);
    else if (this.#probeTimer) return;
    this.#probeTimer = later(delayMs, () => {
      this.#probeTimer = undefined;
      if (this.#state === "open" && this.#storeIsUp) void this.#probe();
    });
  }

  async #probe(): Promise<void> {
    this.#state = "half-open";
    try {
      await this.#try();
      // A master that hung may have been replaced meanwhile, and not know it: its connection is made anew.
      const wasSilent = this.#wasSilent;
      this.#wasSilent = false;
      if (wasSilent && this.#store.renew?.()) throw new StoreUnavailable("connecting anew");
      let replayed = 0;
      // What ends meanwhile queues up again; the last look at the queue and the closing are one synchronous step.
      while (!this.recovery.isEmpty) replayed += await this.#missed.replay();
      if (!this.#storeIsUp || this.#stopped) throw new StoreUnavailable("the connection was lost again");
      this.#close(replayed);
    } catch (error) {
      this.#state = "open";
      this.#outages.lost();
      if (error instanceof DeadlineExceeded) this.#wasSilent = true;
      this.#open(this.#reasonOf(error));
    }
  }

  /** What requests need, but for room: without that, what is stored can still be served. */
  async #try(): Promise<void> {
    const startedAtMs = monotonicNow();
    const answer = this.#store.ping().catch((error: unknown) => {
      if (!(error instanceof StoreFull)) throw error;
      this.#fullness.begin(error.message);
    });
    const measured = answer.then(() => {
      // Measured also where the answer comes too late: it tells how far away the store is.
      this.#latencyMs = monotonicNow() - startedAtMs;
    });
    await this.bound(measured);
  }

  #close(replayed: number): void {
    this.#state = "closed";
    this.#failuresInARow = 0;
    this.#endStart();
    this.#outages.ended(replayed);
    this.#closings.happened();
  }

  #reasonOf(error: unknown): string | undefined {
    return reasonOf(error, this.#latencyMs, this.budgetMs);
  }

  #endStart(): void {
    this.#startUp?.end();
    this.#startUp = undefined;
  }
}
