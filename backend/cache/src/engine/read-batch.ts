// One round trip that many requests share: the fences and entries that they ask for, and what the store has answered.
// Tests: test/unit/grouped-reads.test.ts
import type { Snapshot } from "../store/store.js";

/** Entries of one batch. */
const MAX_ENTRIES = 32;

/** The fences that an entry was made under, in the order of the keys it depends on. */
export interface CarriedFences {
  readonly runId: string;
  readonly fences: readonly string[];
}

/** Fences as a read found them: whoever relied on them compares them later with the current ones. */
export interface FenceReading extends CarriedFences {
  readonly fenceKeys: readonly string[];
}

/** What requests ask for together, and, once it is {@link answered}, what they get. */
export class Batch {
  /**
   * Set where the batch waits for one in flight: its requests wait for both together no longer than they
   * would for one.
   */
  expiresAtMs: number | undefined;
  readonly answered: Promise<Batch>;
  readonly #onLoan: boolean;
  readonly #fences = new Map<string, string | null>();
  readonly #entries = new Map<string, Buffer | null>();
  /** Entries that more than one request has asked for. */
  #shared: Set<string> | undefined;
  /** What was forgotten since it was sent. */
  #forgotten: Set<string> | undefined;
  #runId = "";
  #settle: (answer: Batch | Promise<never>) => void = () => undefined;

  /** @param onLoan whether entries come in memory that the store has lent */
  constructor(onLoan: boolean) {
    this.#onLoan = onLoan;
    this.answered = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  /** The server that answered. */
  get runId(): string {
    return this.#runId;
  }

  get entryCount(): number {
    return this.#entries.size;
  }

  /** Those that ask for one more entry wait for the next: the first of a crowd are answered sooner so. */
  get isFull(): boolean {
    return this.#entries.size >= MAX_ENTRIES;
  }

  /** An entry that another request has asked for needs none. */
  hasRoomFor(entryKey: string): boolean {
    return !this.isFull || this.#entries.has(entryKey);
  }

  get fenceKeys(): string[] {
    return [...this.#fences.keys()];
  }

  get entryKeys(): string[] {
    return [...this.#entries.keys()];
  }

  fence(key: string): string | null {
    return this.#fences.get(key) ?? null;
  }

  fences(keys: readonly string[]): (string | null)[] {
    return keys.map((key) => this.fence(key));
  }

  entry(key: string): Buffer | null {
    return this.#entries.get(key) ?? null;
  }

  /**
   * The entry's bytes where they are lent, and only one request has asked for them: that one gives them back
   * when they are sent.
   */
  loan(entryKey: string): Buffer | undefined {
    if (!this.#onLoan || this.#shared?.has(entryKey)) return undefined;
    return this.#entries.get(entryKey) ?? undefined;
  }

  /** Whether these fences are still what an entry carries. */
  confirms(fenceKeys: readonly string[], { runId, fences }: CarriedFences): boolean {
    if (runId !== this.#runId) return false;
    for (let index = 0; index < fenceKeys.length; index++) {
      if (this.#fences.get(fenceKeys[index] ?? "") !== fences[index]) return false;
    }
    return true;
  }

  ask(fenceKeys: readonly string[], entryKey: string | undefined): void {
    for (const key of fenceKeys) this.#fences.set(key, null);
    if (entryKey === undefined) return;
    if (!this.#entries.has(entryKey)) this.#entries.set(entryKey, null);
    else {
      this.#shared ??= new Set();
      this.#shared.add(entryKey);
    }
  }

  /** These may have been read before they were changed. */
  forget(fenceKeys: readonly string[]): void {
    for (const key of fenceKeys) {
      if (!this.#fences.has(key)) continue;
      this.#forgotten ??= new Set();
      this.#forgotten.add(key);
    }
  }

  isForgotten(fenceKey: string): boolean {
    return this.#forgotten?.has(fenceKey) === true;
  }

  answer({ fences, entries, runId }: Snapshot): void {
    let index = 0;
    for (const key of this.#fences.keys()) this.#fences.set(key, fences[index++] ?? null);
    index = 0;
    for (const key of this.#entries.keys()) this.#entries.set(key, entries[index++] ?? null);
    this.#runId = runId;
    this.#settle(this);
  }

  fail(error: unknown): void {
    this.#settle(Promise.reject(error));
  }
}
