// Reads views through the cache, and drops what mutations have made stale.
import type { Pool } from "pg";
import type { TenantCache } from "../../cache/index.js";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Change, ChangeListener } from "../../modules/record-changes.js";
import { type Clock, dayOf, secondsUntilMidnight } from "./calendar.js";
import { loadAlways, type TtlPreset, type ViewCollection } from "./collections.js";
import type { Watch } from "./service.js";
import { type Touch, touchDomains, type View, type ViewParams } from "./view.js";

export interface ViewCacheOptions {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "invalidateTenantCache">;
  /** TTLs, seconds, by name. */
  readonly ttl: TtlPreset;
  /** Default: the system's. */
  readonly clock?: Clock;
}

export class ViewCache implements ChangeListener {
  readonly #options: ViewCacheOptions;
  readonly #clock: Clock;
  readonly #collections = new Map<View, ViewCollection>();
  readonly #watches = new Map<string, Watch[]>();

  constructor(options: ViewCacheOptions) {
    this.#options = options;
    this.#clock = options.clock ?? (() => new Date());
  }

  today(): string {
    return dayOf(this.#clock());
  }

  /** Makes the view's collection. */
  add(view: View): void {
    this.#collections.set(view, loadAlways);
  }

  /** Drops what `watch` names whenever a record of the module changes. */
  watch(module: string, watch: Watch): void {
    this.#watches.set(module, [...this.#watchesOf(module), watch]);
  }

  async changed(tenantId: string, module: string, change: Change): Promise<void> {
    await this.drop(
      tenantId,
      this.#watchesOf(module).flatMap((watch) => watch.touches(change)),
    );
  }

  async changedSomehow(tenantId: string, module: string): Promise<void> {
    await this.drop(
      tenantId,
      this.#watchesOf(module).flatMap((watch) => touchDomains(...watch.domains)),
    );
  }

  #watchesOf(module: string): readonly Watch[] {
    return this.#watches.get(module) ?? [];
  }

  /** The view's value, from the cache or from the database; `undefined` where there is none. */
  async read(view: View, tenantId: string, params: ViewParams): Promise<unknown> {
    const today = this.today();
    const collection = this.#collectionOf(view);
    const get = () =>
      collection.getOrSet(tenantId, params, () => this.#load(view, tenantId, params, today), {
        ttlSeconds: (value) => this.#ttlSeconds(view, params, value, today),
      });
    const value = await get();
    if (value === undefined || !view.dayShown || view.dayShown(value) === today) return value;
    // Yesterday's, which the TTL leaves until a moment after midnight, or the day of a server whose clock differs.
    await collection.delete(tenantId, params);
    return await get();
  }

  /** Resolves when what was touched can no longer be read; where the store is away, when it is certain that it will not be. */
  async drop(tenantId: string, touches: readonly Touch[]): Promise<void> {
    const distinct = new Map(touches.map((touch) => [nameOf(touch), touch]));
    const domains = new Set(touches.flatMap((touch) => ("domain" in touch ? [touch.domain] : [])));
    await Promise.all([
      ...[...domains].map((domain) => this.#options.cache.invalidateTenantCache(tenantId, domain)),
      ...[...distinct.values()].map(async (touch) => {
        if ("view" in touch) await this.#collectionOf(touch.view).delete(tenantId, touch.params);
      }),
    ]);
  }

  async #load(view: View, tenantId: string, params: ViewParams, today: string): Promise<unknown> {
    return await withTenant(
      this.#options.pool,
      tenantId,
      (client) => view.load({ client, tenantId, today }, params),
      { readOnly: true },
    );
  }

  #ttlSeconds(view: View, params: ViewParams, value: unknown, today: string): number {
    const ttlSeconds = view.ttlSeconds(this.#options.ttl, { params, value, today });
    return view.dayShown ? Math.min(ttlSeconds, secondsUntilMidnight(this.#clock())) : ttlSeconds;
  }

  #collectionOf(view: View): ViewCollection {
    const collection = this.#collections.get(view);
    if (!collection) throw new Error(`the view ${view.key} belongs to no mounted service`);
    return collection;
  }
}

const nameOf = (touch: Touch) =>
  "view" in touch ? JSON.stringify([touch.view.key, touch.params]) : touch.domain;
