// Values that the store refuses for what they are: not sent again for a while, because servers end the connection over some of them.
// Tests: test/unit/leases.test.ts, test/faults/output-limit.test.ts
import { BoundedMap } from "../bounded-map.js";
import type { Logger } from "../logger.js";
import { GroupUnavailable, NotConnected, StoreFull, ValueTooLarge } from "../store/store-errors.js";
import { monotonicNow } from "../timers.js";
import { isCertain } from "./failures.js";

/** For how long a refused size is remembered: the server's configuration, which bounds it, may change. */
const REMEMBERED_MS = 60_000;
const MAX_CHARACTERS = 512 * 1024;
/** A value that fails only once may have met an outage. */
const FAILURES = 2;
/**
 * The least that a Redis server can be told to refuse: it ends the connection, often before it has been heard
 * why.
 */
const LARGE_BYTES = 1024 * 1024;

interface Failed {
  readonly times: number;
  readonly atMs: number;
}

export class RefusedValues {
  readonly #logger: Logger;
  readonly #failed = new BoundedMap<Failed>({ maxCharacters: MAX_CHARACTERS });
  /** What is as large as this, or larger, is refused. */
  #limitBytes = Number.POSITIVE_INFINITY;
  #limitEndsAtMs = 0;
  /** The last large value over which the connection was lost. */
  #lost = { bytes: 0, atMs: Number.NEGATIVE_INFINITY };
  #hasTold = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Whether to store it would be tried in vain. */
  has(key: string, bytes: number): boolean {
    const nowMs = monotonicNow();
    if (bytes >= this.#limitBytes && nowMs < this.#limitEndsAtMs) return true;
    const failed = this.#failed.get(key);
    return failed !== undefined && failed.times >= FAILURES && nowMs - failed.atMs < REMEMBERED_MS;
  }

  /** @param error what storing it has failed with */
  failed(key: string, bytes: number, error: unknown): void {
    const atMs = monotonicNow();
    if (error instanceof ValueTooLarge) {
      this.#limit(bytes, atMs);
      this.#tell(bytes, error.message);
      return;
    }
    if (error instanceof NotConnected && bytes >= LARGE_BYTES) {
      if (atMs - this.#lost.atMs < REMEMBERED_MS) this.#limit(Math.min(bytes, this.#lost.bytes), atMs);
      this.#lost = { bytes, atMs };
    }
    if (isOfStore(error)) return;
    const before = this.#failed.get(key);
    const isRecent = before !== undefined && atMs - before.atMs < REMEMBERED_MS;
    this.#failed.set(key, { times: isRecent ? before.times + 1 : 1, atMs });
  }

  stored(key: string, bytes: number): void {
    if (this.#failed.size > 0) this.#failed.delete(key);
    if (bytes >= this.#limitBytes) this.#limitBytes = Number.POSITIVE_INFINITY;
    if (bytes >= this.#lost.bytes) this.#lost.atMs = Number.NEGATIVE_INFINITY;
  }

  #limit(bytes: number, atMs: number): void {
    const isKnown = atMs < this.#limitEndsAtMs;
    this.#limitBytes = isKnown ? Math.min(bytes, this.#limitBytes) : bytes;
    this.#limitEndsAtMs = atMs + REMEMBERED_MS;
  }

  #tell(bytes: number, message: string): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    this.#logger.warn(
      `express-tenant-cache: the store refuses values of ${bytes} bytes (${message}), so such responses are not stored: lower maxBodyBytes, or raise the server's bound (proto-max-bulk-len); said once`,
    );
  }
}

/**
 * It says nothing of the value. A connection that is lost does: there are proxies that answer so to what is
 * too large for them.
 */
function isOfStore(error: unknown): boolean {
  if (error instanceof NotConnected) return false;
  return isCertain(error) || error instanceof StoreFull || error instanceof GroupUnavailable;
}
