// An event for each decision, on an emitter and on diagnostics_channel; free where nobody listens.
// Tests: test/integration/decisions.test.ts
import { channel } from "node:diagnostics_channel";
import { EventEmitter } from "node:events";
import type { Origin } from "../cause-origin.js";
import type { Logger } from "../logger.js";
import type { EntryRef } from "./entry-ref.js";
import { Listeners } from "./listeners.js";

/**
 * - `hit`, `stale`: answered from an entry (`stale`: from one older than its TTL); `miss`: the handler
 *   answers; `collapsed`: another request's handler run has answered; `bypass`: not looked up
 * - `stored`: an entry was written; `alarm`: a value was no entry, or that of another request
 */
export type CacheEventName = DecisionName | "invalidated" | "reads";

/** Of one request or entry. */
export type DecisionName = "hit" | "miss" | "stored" | "bypass" | "stale" | "collapsed" | "alarm";

export interface CacheEvent {
  /** Absent where the request had none. */
  readonly tenant?: string | undefined;
  readonly module: string;
  /** The entry's key in the store; absent where the request named none. */
  readonly key?: string | undefined;
  /** The bypass reason, or what was wrong with a value. */
  readonly detail?: string | undefined;
}

/** Something was invalidated, by this process: also where the store is away, and it waits to be replayed; or elsewhere. */
export interface InvalidatedEvent extends Origin {
  readonly tenant: string;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
  /** All that the tenant has. */
  readonly everything: boolean;
  /** Whether the store has confirmed. */
  readonly confirmed: boolean;
  /** Whether another process has done it: with the option `causes: { shared: true }`. */
  readonly elsewhere: boolean;
}

/** What a handler has been seen to read, where a pool is tracked. */
export interface ReadsEvent extends CacheEvent {
  /** As its route declares it. */
  readonly dependsOn: readonly string[] | "auto";
  /** Of the feed's tables that it has read. */
  readonly modules: readonly string[];
  /** By schema and name. */
  readonly tables: readonly string[];
}

export type CacheEventMap = { [Name in DecisionName]: [event: CacheEvent] } & {
  invalidated: [event: InvalidatedEvent];
  reads: [event: ReadsEvent];
};

const NAMES: readonly CacheEventName[] = [
  "hit",
  "miss",
  "stored",
  "bypass",
  "stale",
  "collapsed",
  "alarm",
  "invalidated",
  "reads",
];

const MAX_LISTENERS = 32;

/**
 * Channels are named `express-tenant-cache:<event>`. Listeners run within the request: they should be short.
 * What one throws fails no request; it is logged, once.
 */
export class CacheEvents extends EventEmitter<CacheEventMap> {
  readonly #channels = new Map(NAMES.map((name) => [name, channel(`express-tenant-cache:${name}`)]));
  /** Of runs of the warmer: mostly none. */
  readonly #watchers = new Set<(ref: EntryRef) => void>();
  readonly #closing = new Set<() => void>();
  /**
   * What routes leave out of their keys, for `verifyRoutes`.
   * @internal
   */
  readonly ignoredParams = new Set<string>();
  readonly #listeners: Listeners<CacheEventMap>;

  constructor(logger: Logger) {
    super();
    // Live tails alone may be sixteen, which Node would take for a leak.
    this.setMaxListeners(MAX_LISTENERS);
    this.#listeners = new Listeners(this, "cache.events", logger);
  }

  /** Whether anybody would get such an event. */
  isHeard(name: CacheEventName): boolean {
    return this.listenerCount(name) > 0 || this.#channels.get(name)?.hasSubscribers === true;
  }

  /**
   * Has `watcher` hear of every entry that is asked for by whoever fills what is missing, until what is
   * returned is called.
   * @internal
   */
  watch(watcher: (ref: EntryRef) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * For {@link watch}: the entry is there, or is being filled.
   * @internal
   */
  asked(ref: EntryRef): void {
    for (const watcher of this.#watchers) watcher(ref);
  }

  /**
   * Has `end` called when the cache is closed, unless what is returned is called before.
   * @internal
   */
  whenClosed(end: () => void): () => void {
    this.#closing.add(end);
    return () => this.#closing.delete(end);
  }

  /** @internal */
  close(): void {
    for (const end of this.#closing) end();
    this.#closing.clear();
  }

  publish<Name extends CacheEventName>(name: Name, event: CacheEventMap[Name][0]): void {
    if (this.listenerCount(name) > 0) this.#listeners.tell(name, event);
    const diagnostics = this.#channels.get(name);
    if (diagnostics?.hasSubscribers) diagnostics.publish(event);
  }
}
