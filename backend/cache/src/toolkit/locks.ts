// Locks across processes: a token that only its holder has, renewed while the work goes on.
// Tests: test/integration/toolkit-locks.test.ts
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import { parse, registerCall } from "../options/parse.js";
import { randomToken } from "../store/fence-token.js";
import { keyedOf } from "../store/store-parts.js";
import { delay, monotonicNow } from "../timers.js";

export interface LockOptions {
  /** After how long a dead holder's lock ends, milliseconds; renewed three times as often. Default 10,000. */
  readonly ttlMs?: number;
  /** How long to wait for another holder, milliseconds. Default 0: not at all. */
  readonly waitMs?: number;
  /** Ends the waiting; not the work, which is told by its own signal when the lock is lost. */
  readonly signal?: AbortSignal;
}

const lockOptions = z.strictObject({
  ttlMs: z.int().min(100).max(86_400_000).default(10_000),
  waitMs: z.int().min(0).max(86_400_000).default(0),
  signal: z.instanceof(AbortSignal, { error: "write an AbortSignal" }).optional(),
});

registerCall("withLock", "withLock(key, { waitMs: 1000 }, work)", lockOptions);

const FIRST_POLL_MS = 5;
const MAX_POLL_MS = 100;

interface Held {
  readonly lockKey: string;
  readonly name: string;
  readonly holder: string;
  readonly ttlMs: number;
  /** When it ends unless it is renewed, by {@link monotonicNow}. */
  endsAtMs: number;
  /** Aborted once it has ended. */
  readonly lost: AbortController;
}

export class Locks {
  readonly #engine: CacheEngine;

  /** @internal */
  constructor(engine: CacheEngine) {
    this.#engine = engine;
  }

  /**
   * Runs `work` while no other process does under the same name.
   *
   * @throws TenantCacheError `ETC_LOCK_TIMEOUT` where another holds it beyond `waitMs`; `ETC_STORE_AWAY`
   *   where that cannot be known; `ETC_LOCK_LOST`, once `work` has settled, where the lock ended before it
   */
  async hold<T>(
    lockKey: string,
    name: string,
    options: LockOptions,
    work: (signal: AbortSignal) => T,
  ): Promise<Awaited<T>> {
    const parsed = parse("withLock", lockOptions, options);
    const { ttlMs, waitMs, signal } = parsed;
    const holder = randomToken();
    const endsAtMs = await this.#take(lockKey, name, holder, { ttlMs, waitMs, signal });
    const held: Held = { lockKey, name, holder, ttlMs, endsAtMs, lost: new AbortController() };
    const lost = held.lost.signal;
    const stopped = new AbortController();
    const renewal = this.#renewUntil(stopped.signal, held);
    try {
      const result = await work(lost);
      stopped.abort();
      await renewal;
      // It may have ended since it was renewed, and another may have had it: this process was busy, or the key
      // was lost.
      if (!lost.aborted) await this.#renew(held);
      lost.throwIfAborted();
      return result;
    } finally {
      stopped.abort();
      await renewal;
      if (!lost.aborted) await this.#release(lockKey, holder);
    }
  }

  /** Resolves with when the lock ends, by {@link monotonicNow}. */
  async #take(
    lockKey: string,
    name: string,
    holder: string,
    { ttlMs, waitMs, signal }: { ttlMs: number; waitMs: number; signal: AbortSignal | undefined },
  ): Promise<number> {
    const { gate, store } = this.#engine;
    const giveUpAtMs = monotonicNow() + waitMs;
    for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(2 * pollMs, MAX_POLL_MS)) {
      signal?.throwIfAborted();
      let hasGivenUp = false;
      // Its time begins in the store, which is later.
      const endsAtMs = monotonicNow() + ttlMs;
      const take = async () => {
        const isTaken = await keyedOf(store).takeLock(lockKey, holder, ttlMs);
        // Taken after we had stopped waiting: nobody would give it back.
        if (isTaken && hasGivenUp) await this.#release(lockKey, holder);
        return isTaken;
      };
      try {
        if (await gate.run(take)) {
          if (monotonicNow() < endsAtMs) return endsAtMs;
          // The answer took so long that the lock is over, and another may have it.
          await this.#release(lockKey, holder);
        }
      } catch (cause) {
        hasGivenUp = true;
        throw new TenantCacheError(
          "ETC_STORE_AWAY",
          `lock ${name}: the store did not answer, so nobody knows who holds it`,
          { cause },
        );
      }
      const leftMs = giveUpAtMs - monotonicNow();
      if (leftMs <= 0)
        throw new TenantCacheError(
          "ETC_LOCK_TIMEOUT",
          `lock ${name}: held by another for longer than ${waitMs} ms`,
        );
      // At different moments in each process, so that they do not all find it held.
      const pauseMs = Math.min(leftMs, pollMs * (0.5 + Math.random()));
      await delay(pauseMs, undefined, signal ? { signal } : {});
    }
  }

  /** One failed renewal is made up for by the next, unless the lock has ended meanwhile. */
  async #renewUntil(stopped: AbortSignal, held: Held): Promise<void> {
    while (!held.lost.signal.aborted) {
      const pauseMs = Math.min(held.ttlMs / 3, Math.max(0, held.endsAtMs - monotonicNow()));
      await delay(pauseMs, undefined, { signal: stopped, ref: false }).catch(() => undefined);
      if (stopped.aborted) return;
      await this.#renew(held);
    }
  }

  /** Once; aborts `lost` where the lock has ended. */
  async #renew(held: Held): Promise<void> {
    const { lockKey, name, holder, ttlMs, lost } = held;
    const { gate, store } = this.#engine;
    const askedAtMs = monotonicNow();
    const renewed = await gate
      .run(() => keyedOf(store).renewLock(lockKey, holder, ttlMs))
      .catch(() => undefined);
    if (renewed) held.endsAtMs = askedAtMs + ttlMs;
    if (renewed === false || monotonicNow() >= held.endsAtMs)
      lost.abort(new TenantCacheError("ETC_LOCK_LOST", `lock ${name}: it ended before the work did`));
  }

  /** One that cannot be given back ends by itself. */
  async #release(lockKey: string, holder: string): Promise<void> {
    const { gate, store } = this.#engine;
    await gate.bound(keyedOf(store).releaseLock(lockKey, holder)).catch(() => undefined);
  }
}
