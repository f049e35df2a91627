// Runs of handlers while the store cannot say what is fresh: their answers go to requests that came before they began.
// Tests: test/unit/shared-runs.test.ts, test/faults/store-away-shared.test.ts
//
// Whatever mutation was answered before a request came was answered before any handler that begins later, which
// therefore sees it. This needs neither fences nor other processes, and nothing is stored. So a request never
// joins a run that has begun: it gathers with others for the next one. Of an entry one handler runs, and one
// gathering waits for its end; where that takes too long, the gathering begins beside it.
import type { Entry } from "../codec/entry.js";
import { monotonicNow } from "../timers.js";
import { type Waiter, waitFor } from "./bounded-wait.js";
import type { EntryRef } from "./entry-ref.js";
import { entryOf, type Fill, type Recording } from "./fill.js";
import type { SkippedEntries } from "./skipped-entries.js";

export interface SharedRunsOptions {
  /** How long a request waits for another's handler before it runs its own, milliseconds. */
  readonly waitMs: number;
  /** The most requests that wait for one handler; the next run their own. */
  readonly maxWaiting: number;
}

/** What a request is told that the store cannot help. */
export type SharedOutcome =
  /**
   * Run the handler, and call `ended` when it has answered. Where others wait for the answer, `fill` is there:
   * it is handed over, and not stored.
   */
  | { readonly kind: "lead"; readonly fill: Fill | undefined; readonly ended: () => void }
  /** Another request's handler has answered. */
  | { readonly kind: "follow"; readonly entry: Entry }
  /** Another call's load has failed; only where its fill was told of the error. */
  | { readonly kind: "failed"; readonly error: unknown }
  /** Run the handler; nobody waits for it. */
  | { readonly kind: "alone" };

/** `again`: this run has come to nothing, but the next may not. */
type RunResult = Exclude<SharedOutcome, { readonly kind: "lead" }> | { readonly kind: "again" };

const ALONE = { kind: "alone" } as const;
const AGAIN = { kind: "again" } as const;

class Run {
  waiting = 0;
  hasEnded = false;
  /** From then on nobody waits for its end, on the clock of {@link monotonicNow}. */
  overdueAtMs = 0;
  readonly answered: Promise<RunResult>;
  readonly ended: Promise<void>;
  settle: (result: RunResult) => void = () => undefined;
  #end: () => void = () => undefined;

  constructor() {
    this.answered = new Promise((resolve) => {
      this.settle = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  /** What it has brought is settled by its fill, which may be a moment later. */
  end(): void {
    this.hasEnded = true;
    this.#end();
  }
}

/** Of one entry. */
interface Sharing {
  /** Keys of different requests may collide. */
  readonly identity: string;
  running: Run;
  gathering: Run | undefined;
}

export class SharedRuns {
  readonly #options: SharedRunsOptions;
  readonly #skipped: SkippedEntries;
  /** Those that a handler runs for, by entry key. */
  readonly #sharings = new Map<string, Sharing>();

  /** @param skipped what may not be stored may not be shared */
  constructor(skipped: SkippedEntries, options: SharedRunsOptions) {
    this.#skipped = skipped;
    this.#options = options;
  }

  /** Entries that a handler runs for. */
  get size(): number {
    return this.#sharings.size;
  }

  /**
   * Decides what a request does whose entry the store cannot be asked for. Never rejects.
   *
   * @param waiter who may go before there is an answer: it is told `alone` then, and keeps nobody from waiting
   */
  async open(ref: EntryRef, waiter?: Waiter): Promise<SharedOutcome> {
    const giveUpAtMs = monotonicNow() + this.#patienceMs(ref);
    do {
      const result = await this.#join(ref, giveUpAtMs, waiter);
      if (result.kind !== "again") return result;
    } while (monotonicNow() < giveUpAtMs && !waiter?.isGone());
    return ALONE;
  }

  async #join(
    ref: EntryRef,
    giveUpAtMs: number,
    waiter: Waiter | undefined,
  ): Promise<SharedOutcome | typeof AGAIN> {
    const sharing = this.#sharings.get(ref.entryKey);
    if (this.#skipped.has(ref) || (sharing && sharing.identity !== ref.identity)) return ALONE;
    if (!sharing || (sharing.running.hasEnded && !sharing.gathering)) return this.#begin(ref);
    const { running, gathering } = sharing;
    if (gathering) {
      if (gathering.waiting >= this.#options.maxWaiting) return ALONE;
      gathering.waiting++;
      const result = await waitFor(gathering.answered, giveUpAtMs, waiter);
      gathering.waiting--;
      return typeof result === "string" ? ALONE : result;
    }
    const own = new Run();
    sharing.gathering = own;
    await waitFor(running.ended, running.overdueAtMs, waiter);
    sharing.gathering = undefined;
    if (!waiter?.isGone()) return this.#lead(ref, sharing, own);
    // Those who wait for it gather anew.
    own.settle(AGAIN);
    this.#forget(ref, sharing);
    return ALONE;
  }

  /** The first request for the entry: nobody waits for its answer, because nobody has come before it. */
  #begin(ref: EntryRef): SharedOutcome {
    const running = new Run();
    const sharing: Sharing = { identity: ref.identity, running, gathering: undefined };
    this.#sharings.set(ref.entryKey, sharing);
    return this.#lead(ref, sharing, running);
  }

  #lead(ref: EntryRef, sharing: Sharing, run: Run): SharedOutcome {
    sharing.running = run;
    run.overdueAtMs = monotonicNow() + this.#patienceMs(ref);
    const fill = run.waiting > 0 ? new SharedFill(ref, run, this.#skipped) : undefined;
    const ended = () => {
      run.end();
      this.#forget(ref, sharing);
    };
    return { kind: "lead", fill, ended };
  }

  #forget({ entryKey }: EntryRef, sharing: Sharing): void {
    if (!sharing.running.hasEnded || sharing.gathering) return;
    if (this.#sharings.get(entryKey) === sharing) this.#sharings.delete(entryKey);
  }

  #patienceMs({ durations }: EntryRef): number {
    return durations ? durations.patienceMs() : this.#options.waitMs;
  }
}

/** Hands the answer to those who wait for it, and to nobody else. */
class SharedFill implements Fill {
  readonly isUnlikely = false;
  readonly tokens = [];
  readonly #ref: EntryRef;
  readonly #run: Run;
  readonly #skipped: SkippedEntries;
  readonly #beganAtMs = monotonicNow();

  constructor(ref: EntryRef, run: Run, skipped: SkippedEntries) {
    this.#ref = ref;
    this.#run = run;
    this.#skipped = skipped;
  }

  unshare(): void {
    this.abandon("unstorable");
  }

  commit(recording: Recording): void {
    this.share(recording);
  }

  share(recording: Recording): void {
    this.#ref.durations?.add(monotonicNow() - this.#beganAtMs);
    this.#run.settle({ kind: "follow", entry: entryOf(recording, this.#ref.identity, "") });
  }

  fail(error: unknown): void {
    this.#run.settle({ kind: "failed", error });
  }

  abandon(why: Parameters<Fill["abandon"]>[0]): void {
    if (why === "unstorable") this.#skipped.add(this.#ref);
    this.#run.settle(why === "unstorable" ? ALONE : AGAIN);
  }
}
