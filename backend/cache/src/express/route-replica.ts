// Whether what a route's handler reads from a replica may be stored: the replica must have all that was invalidated.
// Tests: test/integration/feed-replicas.test.ts, test/unit/refusals/feed-options.test.ts
import type { Request } from "express";
import type { EntryRef } from "../engine/entry-ref.js";
import type { RunningFeed } from "../engine/feeds.js";
import { TenantCacheError } from "../errors.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import { isDatabase } from "../queryable.js";
import type { KeySpace } from "../store/key-space.js";
import type { HttpServices } from "./http-services.js";

export class RouteReplica {
  readonly #feed: RunningFeed;
  readonly #keys: KeySpace;
  readonly #replica: NonNullable<ParsedRouteOptions["replica"]>;

  constructor(feed: RunningFeed, keys: KeySpace, replica: NonNullable<ParsedRouteOptions["replica"]>) {
    this.#feed = feed;
    this.#keys = keys;
    this.#replica = replica;
    feed.expectReplicas();
  }

  /**
   * Called before the handler runs. Never rejects.
   *
   * @param fences those that are current, in the order of the ref's keys
   */
  async hasReplayed(req: Request, ref: EntryRef, fences: readonly string[]): Promise<boolean> {
    const epoch = fences[ref.fenceKeys.indexOf(this.#keys.feedEpoch)];
    if (epoch === undefined) return false;
    try {
      const replica = typeof this.#replica === "function" ? await this.#replica(req) : this.#replica;
      if (replica === null) return true;
      return isDatabase(replica) && (await this.#feed.haveReplayed(replica, fences, epoch));
    } catch {
      // A function of the user's: what its handler reads is not known.
      return false;
    }
  }
}

/**
 * `undefined` where the handler reads the primary.
 *
 * @throws TenantCacheError `ETC_OPTIONS`
 */
export function replicaOf(
  { engine }: HttpServices,
  { replica, dependsOn }: ParsedRouteOptions,
  module: string,
): RouteReplica | undefined {
  if (replica === undefined) return undefined;
  // What a standby's catalogue says is not compared with the primary's: see `reads/`.
  if (dependsOn === "auto")
    throw new TenantCacheError(
      "ETC_OPTIONS",
      'cacheList: replica goes together with modules that are named, and not with dependsOn: "auto": write dependsOn: ["accounts"]',
    );
  const isCovered = engine.keys.covers([module, ...dependsOn]);
  if (engine.feed && isCovered) return new RouteReplica(engine.feed, engine.keys, replica);
  throw new TenantCacheError(
    "ETC_OPTIONS",
    engine.feed
      ? `cacheList: replica needs a module that the feed covers, and "${module}" is none: declare its table in createFeed({ tables }), or write settleMs: 5000, longer than the replica lags`
      : "cacheList: replica needs createTenantCache({ feed }), which knows what the replica must have: pass a feed, or write settleMs: 5000, longer than the replica lags",
  );
}
