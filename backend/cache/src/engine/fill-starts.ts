// What a fill starts from: the fences that are current, and the lease that makes other processes wait for it.
// Tests: test/unit/fills.test.ts
import { randomToken } from "../store/fence-token.js";
import type { FillRequest, FillStart, HeldLease, Store } from "../store/store.js";
import { NotConnected } from "../store/store-errors.js";
import type { EntryRef } from "./entry-ref.js";
import type { EntryWriter } from "./entry-writer.js";
import { joinFences } from "./fences.js";
import type { Decision } from "./flight.js";
import type { Leases } from "./leases.js";
import type { StoreGate } from "./store-gate.js";
import { endOfTurn } from "./turn.js";

export interface FillStartsOptions {
  readonly fenceTtlMs: number;
  /** How long other processes wait for ours, milliseconds: a dead holder's lease ends by itself. */
  readonly leaseMs: number;
}

/** What the store answered to whoever means to fill an entry. Requests that asked together share it. */
export interface SharedStart {
  readonly answer: FillStart;
  /** The fences with the run id, as entries carry them. */
  readonly fences: string;
  /** Until the first of those requests takes it, and leads. */
  lease: HeldLease | undefined;
  /** What the first of those requests has done. */
  decision: Decision | undefined;
}

interface Question {
  /** False where the entry is known not to be storable. */
  readonly withLease: boolean;
  readonly unlessStored?: boolean;
  readonly expiresAtMs?: number | undefined;
}

export interface FillStartsParts {
  readonly store: Store;
  readonly gate: StoreGate;
  readonly writer: EntryWriter;
  readonly leases: Leases;
}

export class FillStarts {
  readonly #store: Store;
  readonly #gate: StoreGate;
  readonly #writer: EntryWriter;
  readonly #leases: Leases;
  readonly #options: FillStartsOptions;
  /** Reads that are asked at the end of this turn, by entry key. */
  readonly #asking = new Map<string, { readonly identity: string; readonly start: Promise<SharedStart> }>();

  constructor({ store, gate, writer, leases }: FillStartsParts, options: FillStartsOptions) {
    this.#store = store;
    this.#gate = gate;
    this.#writer = writer;
    this.#leases = leases;
    this.#options = options;
  }

  /** Asks now. Rejects as the gate does. */
  async ask(ref: EntryRef, { withLease, unlessStored = false, expiresAtMs }: Question): Promise<SharedStart> {
    const { entryKey, fenceKeys, fenceTtlMs = this.#options.fenceTtlMs } = ref;
    const lease = withLease ? { key: ref.leaseKey, holder: randomToken() } : undefined;
    const ttlMs = this.#options.leaseMs;
    const request = {
      entryKey,
      fenceKeys,
      fenceTtlMs,
      ...(ref.reads && { readsLater: true }),
      ...(lease && { lease: { ...lease, ttlMs, unlessStored } }),
    };
    let hasGivenUp = false;
    const beginFill = async () => {
      const late = await this.#begin(request, lease);
      // The request has given up, and stores nothing: nobody is to wait for the lease that it has got too
      // late.
      if (hasGivenUp && late.lease === "leading") this.#writer.releaseLease(lease);
      return late;
    };
    try {
      const answer = await this.#gate.run(beginFill, expiresAtMs);
      const fences = joinFences(answer.runId, answer.fences);
      const held = this.#held(answer, lease);
      return { answer: held.answer, fences, lease: held.lease, decision: undefined };
    } catch (error) {
      hasGivenUp = true;
      throw error;
    }
  }

  async #begin(request: FillRequest, lease: HeldLease | undefined): Promise<FillStart> {
    try {
      return await this.#store.beginFill(request);
    } catch (error) {
      // The answer was lost, and with it whether the lease was taken.
      if (lease && error instanceof NotConnected) this.#leases.mayHaveTaken(lease);
      throw error;
    }
  }

  /**
   * The lease that this fill goes on with. Where the store names a lease of this process that could not be
   * released, its handler has ended: nobody waits for that, and this fill takes the lease over.
   */
  #held(answer: FillStart, lease: HeldLease | undefined): Pick<SharedStart, "answer" | "lease"> {
    if (answer.lease === "leading") return { answer, lease };
    const own = answer.lease === "waiting" && lease && this.#leases.reuse(lease.key);
    return own ? { answer: { ...answer, lease: "leading" }, lease: own } : { answer, lease: undefined };
  }

  /**
   * Reads an entry, and takes its lease in the same step where no valid entry is there. The store is asked
   * after this turn of the event loop, once for all requests of the turn that want the entry. A request of a
   * later turn asks for itself: it may have seen a change that this answer is too old for.
   */
  readOrBegin(ref: EntryRef, question: Question): Promise<SharedStart> {
    const { entryKey, identity } = ref;
    const known = this.#asking.get(entryKey);
    if (known?.identity === identity) return known.start;
    const ask = () => {
      this.#asking.delete(entryKey);
      return this.ask(ref, { ...question, unlessStored: true });
    };
    const start = endOfTurn().then(ask);
    // Where the keys of two different requests collide, each asks for itself, and the next request of the
    // turn joins the second.
    this.#asking.set(entryKey, { identity, start });
    return start;
  }

  /** For those who have asked and do not fill. */
  drop(start: SharedStart): void {
    const { lease } = start;
    start.lease = undefined;
    this.#writer.releaseLease(lease);
  }
}
