// The last requests that were no hits, by their ids: why each of them was none.
// Tests: test/integration/miss-reasons.test.ts
import type { BypassReason, Forwarded } from "../cache-status.js";
import type { MissEvidence } from "../engine/entry-memory.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { monotonicNow } from "../timers.js";

/** What is remembered of a request that was no hit. */
export interface RecentRequest {
  readonly requestId: string;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
  readonly tenant: string | undefined;
  readonly module: string;
  /** Method and pattern. */
  readonly route: string;
  readonly fwd: Forwarded | "bypass";
  /** Of a bypass. */
  readonly detail?: BypassReason | undefined;
  /** Of all others. */
  readonly ref?: EntryRef | undefined;
  readonly evidence?: MissEvidence | undefined;
  /** The fences that were read, joined. */
  readonly seen?: string | undefined;
}

const MAX_REQUESTS = 2000;
const KEPT_MS = 15 * 60_000;

interface Kept {
  readonly request: RecentRequest;
  readonly atMs: number;
}

/** A ring: the newest takes the place of the oldest. */
export class RecentRequests {
  readonly #ring: Kept[] = [];
  #next = 0;

  add(request: RecentRequest): void {
    this.#ring[this.#next] = { request, atMs: monotonicNow() };
    this.#next = (this.#next + 1) % MAX_REQUESTS;
  }

  /** All with this id, the newest first: a client may send one id twice. */
  of(requestId: string): RecentRequest[] {
    return this.#all().filter((request) => request.requestId === requestId);
  }

  /** The newest first. */
  #all(): RecentRequest[] {
    const since = monotonicNow() - KEPT_MS;
    const inOrder = [...this.#ring.slice(this.#next), ...this.#ring.slice(0, this.#next)].reverse();
    return inOrder.filter(({ atMs }) => atMs >= since).map(({ request }) => request);
  }
}
