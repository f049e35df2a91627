// The leases of this process: released as soon as the store can be asked, so that nobody waits in vain.
import { BackOff } from "../back-off.js";
import { later } from "../later.js";
import type { HeldLease, Store } from "../store/store.js";
import { monotonicNow, type Timer } from "../timers.js";
import type { StoreGate } from "./store-gate.js";

export interface LeasesOptions {
  /** How long a lease lives in the store, milliseconds. */
  readonly leaseMs: number;
}

interface Owed {
  readonly lease: HeldLease;
  readonly skipMs: number;
  /** When the store forgets it by itself, on the clock of {@link monotonicNow}. */
  readonly endsAtMs: number;
}

/** Each is owed for `leaseMs` only; more fills than these do not end in that time. */
const MAX_OWED = 10_000;
/** Released together when the store is there again. */
const AT_ONCE = 100;
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1000;

export class Leases {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #leaseMs: number;
  readonly #retries = new BackOff(FIRST_RETRY_MS, MAX_RETRY_MS);
  /** Leases that nobody here uses any more, and that the store may still have; by key. */
  readonly #owed = new Map<string, Owed>();
  #isRetrying = false;
  #timer: Timer | undefined;

  constructor(store: Store, gate: StoreGate, { leaseMs }: LeasesOptions) {
    this.#store = store;
    this.#gate = gate;
    this.#leaseMs = leaseMs;
    gate.onClosed(() => void this.#retry());
  }

  /**
   * Releases a lease. Also asks while the circuit is open: processes that still reach the store wait for the
   * lease. Where the store does not answer, the lease is owed, and released later. Never rejects.
   *
   * @param skipMs above 0: tells other processes for so long not to wait for this entry
   */
  async release(lease: HeldLease, skipMs: number): Promise<void> {
    const owed = { lease, skipMs, endsAtMs: monotonicNow() + this.#leaseMs };
    if (!(await this.#isReleased(owed))) this.#owe(owed);
  }

  /** For a lease that may have been taken: the answer was lost. */
  mayHaveTaken(lease: HeldLease): void {
    this.#owe({ lease, skipMs: 0, endsAtMs: monotonicNow() + this.#leaseMs });
  }

  /**
   * The caller goes on with a lease of this process that nobody uses any more; `undefined` where there is
   * none.
   */
  reuse(key: string): HeldLease | undefined {
    const owed = this.#owed.get(key);
    if (!owed) return undefined;
    this.#owed.delete(key);
    return owed.endsAtMs > monotonicNow() ? owed.lease : undefined;
  }

  #owe(owed: Owed): void {
    const [oldest] = this.#owed.keys();
    if (this.#owed.size >= MAX_OWED && oldest !== undefined) this.#owed.delete(oldest);
    this.#owed.set(owed.lease.key, owed);
    this.#retryLater();
  }

  /** When the store is in use again, and now and then while it is. */
  async #retry(): Promise<void> {
    if (this.#isRetrying || this.#gate.state !== "closed") return;
    this.#isRetrying = true;
    const owed = [...this.#owed.values()].slice(0, AT_ONCE);
    const done = await Promise.all(owed.map((each) => this.#settle(each)));
    this.#isRetrying = false;
    if (done.every(Boolean)) this.#retries.reset();
    if (this.#owed.size > 0) this.#retryLater();
  }

  /** @returns whether it is owed no more */
  async #settle(owed: Owed): Promise<boolean> {
    const isOver = owed.endsAtMs <= monotonicNow() || (await this.#isReleased(owed));
    const { key } = owed.lease;
    // Else it was reused meanwhile, or replaced; one that fails goes to the end.
    if (this.#owed.get(key) === owed) {
      this.#owed.delete(key);
      if (!isOver) this.#owed.set(key, owed);
    }
    return isOver;
  }

  /** One timer for all that is owed: each would lengthen the pause for the others. */
  #retryLater(): void {
    this.#timer ??= later(this.#retries.next(), () => {
      this.#timer = undefined;
      void this.#retry();
    });
  }

  async #isReleased({ lease, skipMs }: Owed): Promise<boolean> {
    try {
      await this.#gate.bound(this.#store.abandonFill(lease, skipMs));
      return true;
    } catch {
      return false;
    }
  }
}
