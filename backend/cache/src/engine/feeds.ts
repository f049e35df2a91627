// What a cache and a feed know of each other: the feed is a module of its own, which the cache does not load.
// Tests: test/integration/feed-drain.test.ts

import { FEEDS } from "../known-feeds.js";
import type { Logger } from "../logger.js";
import type { FeedDatabase } from "../queryable.js";
import type { CauseNote } from "../store/cause-log.js";
import type { KeySpace } from "../store/key-space.js";
import type { Store } from "../store/store.js";
import type { FencedScope } from "./fences.js";
import type { StoreGate } from "./store-gate.js";

/** What a cache lends to its feed. @internal */
export interface FeedHost {
  readonly gate: Pick<StoreGate, "run" | "state">;
  /** Called before and after fences are replaced. */
  forget(fenceKeys: readonly string[]): void;
  /** Written with the fences of a tenant. */
  note(scope: FencedScope): CauseNote | undefined;
  /** Fences of a tenant have been replaced. */
  invalidated(scope: FencedScope): void;
}

export interface FeedReport {
  /**
   * - `draining`: this process does it; `ready`: another one does
   * - `asleep`: nobody reads what is covered
   * - `away`: the store or the database cannot be asked
   */
  readonly state: "draining" | "ready" | "asleep" | "away";
  /** Why it is away; `null` where it is not. */
  readonly reason: string | null;
  /** From COMMIT to fence, of the feed's own last 200 probes in this process, milliseconds; `null` without any. */
  readonly delayMs: { readonly p50: number; readonly p99: number } | null;
  /** Since this process has set the token, milliseconds; `null` where it never has. */
  readonly tokenAgeMs: number | null;
  /** Since this process has had the lease, milliseconds; `null` where it has not. */
  readonly leaseAgeMs: number | null;
  /** Tables that are not as declared, by name: their modules are not covered. */
  readonly uncoveredTables: readonly string[];
  /** Changes fenced, and how often everything was, in this process since it began. */
  readonly fenced: number;
  readonly epochs: number;
  /** Changes that needed no fence, because a mutation of the API had replaced it. */
  readonly spared: number;
}

/** A table as a feed declares it. @internal */
export interface FeedTableView {
  readonly module: string;
  readonly tenant: string | null;
  /** The function of its triggers. */
  readonly capture: string;
}

/** What a feed covers, and where its objects are in the database. @internal */
export interface FeedView {
  readonly schema: string;
  readonly tables: readonly FeedTableView[];
}

/** A feed in use by a cache. @internal */
export interface RunningFeed {
  readonly view: FeedView;
  /** The store, as reads of covered modules use it. */
  readonly store: Store;
  start(host: FeedHost): void;
  report(): FeedReport;
  /** Called where routes are mounted whose handlers read replicas. */
  expectReplicas(): void;
  /**
   * Whether the replica has all that these fences were replaced for. Called before the handler reads. Never rejects.
   *
   * @param epoch what the feed's own fence holds among them
   */
  haveReplayed(replica: FeedDatabase, fences: readonly string[], epoch: string): Promise<boolean>;
  /** Resolves when nothing of it is under way. */
  close(): Promise<void>;
}

/** @internal */
export interface FeedParts {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly budgetMs: number;
  readonly logger: Logger;
}

/** @internal */
export type OpenFeed = (parts: FeedParts) => RunningFeed;

/** Called by whoever makes feeds. @internal */
export function registerFeed(feed: object, open: OpenFeed): void {
  FEEDS.set(feed, open);
}

/** `undefined` where it is no feed. @internal */
export function openerOf(feed: object | undefined): OpenFeed | undefined {
  // Nothing else is put there.
  return feed && (FEEDS.get(feed) as OpenFeed | undefined);
}
