// Reads views through the cache, and drops what mutations have made stale.
// Tests: test/http/services-guarantees.test.ts, test/http/services.test.ts

import type { Collection, Looked, TenantCache, TtlPreset } from "express-tenant-cache";
import type { Pool } from "pg";
import { withTenant } from "../../db/tenant-transaction.js";
import type { Change, ChangeListener } from "../../modules/record-changes.js";
import { type Clock, dayOf, secondsUntilMidnight } from "./calendar.js";
import type { Watch } from "./service.js";
import { type Touch, touchDomains, type View, type ViewParams } from "./view.js";

export interface ViewCacheOptions {
  readonly pool: Pool;
  readonly cache: Pick<TenantCache, "manager" | "invalidateTenantCache" | "invalidateTags">;
  /** TTLs by name, seconds. Default: the preset of the cache. */
  readonly ttl?: TtlPreset;
  /** Decides what "today" is. Default: the system's. */
  readonly clock?: Clock;
}

/** What has happened to a view since this process began. */
export interface ViewReport {
  readonly key: string;
  /** Reads that were answered. */
  readonly reads: number;
  /** Loads from the database: by the first of several reads that wait for the same value. */
  readonly loads: number;
}

interface OpenView {
  readonly collection: Collection<unknown, ViewParams>;
  reads: number;
  loads: number;
}

export class ViewCache implements ChangeListener {
  readonly #pool: Pool;
  readonly #cache: ViewCacheOptions["cache"];
  readonly #ttl: TtlPreset;
  readonly #clock: Clock;
  readonly #views = new Map<View, OpenView>();
  readonly #watches = new Map<string, Watch[]>();

  constructor({ pool, cache, ttl = cache.manager.ttl, clock = () => new Date() }: ViewCacheOptions) {
    this.#pool = pool;
    this.#cache = cache;
    this.#ttl = ttl;
    this.#clock = clock;
  }

  today(): string {
    return dayOf(this.#clock());
  }

  /** Defines the view's collection. @throws TenantCacheError `ETC_KEY_COLLISION` where another view could build the same key */
  add(view: View): void {
    const collection = this.#cache.manager.collection<unknown, ViewParams>(view.key, {
      ttlSeconds: (value, params) => this.#ttlSeconds(view, params, value),
      // A list that has grown beyond what is kept is read from the database, and no error.
      onTooLarge: "skip",
    });
    this.#views.set(view, { collection, reads: 0, loads: 0 });
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

  /** The view's value, from the cache or from the database, and what the cache did; `undefined` where there is none. */
  async look(view: View, tenantId: string, params: ViewParams): Promise<Looked<unknown>> {
    const today = this.today();
    const open = this.#open(view);
    const { collection } = open;
    const load = () => {
      open.loads++;
      return this.#load(view, tenantId, params, today);
    };
    const looked = await collection.lookUp(tenantId, params, load);
    open.reads++;
    if (looked.value === undefined || !view.dayShown || view.dayShown(looked.value) === today) return looked;
    // Yesterday's, which its TTL leaves for a moment after midnight, or that of a server whose clock differs.
    await collection.delete(tenantId, params);
    return await collection.lookUp(tenantId, params, load);
  }

  /** All views, in the order in which they were added. */
  report(): ViewReport[] {
    return [...this.#views].map(([{ key }, { reads, loads }]) => ({ key, reads, loads }));
  }

  /**
   * Resolves when what was touched can no longer be read. Where the store is away it is made good before this process trusts the store
   * again, as every invalidation is.
   */
  async drop(tenantId: string, touches: readonly Touch[]): Promise<void> {
    const keys = new Set<string>();
    const domains = new Set<string>();
    const tags = new Set<string>();
    for (const touch of touches) {
      if ("tag" in touch) tags.add(touch.tag);
      else if ("domain" in touch) domains.add(touch.domain);
      else keys.add(this.#open(touch.view).collection.key(touch.params));
    }
    await Promise.all([
      this.#cache.manager.tenant(tenantId).delete(...keys),
      tags.size > 0 && this.#cache.invalidateTags(tenantId, ...tags),
      ...[...domains].map((domain) => this.#cache.invalidateTenantCache(tenantId, domain)),
    ]);
  }

  #watchesOf(module: string): readonly Watch[] {
    return this.#watches.get(module) ?? [];
  }

  async #load(view: View, tenantId: string, params: ViewParams, today: string): Promise<unknown> {
    return await withTenant(
      this.#pool,
      tenantId,
      (client) => view.load({ client, tenantId, today }, params),
      { readOnly: true },
    );
  }

  #ttlSeconds(view: View, params: ViewParams, value: unknown): number {
    const ttlSeconds = view.ttlSeconds(this.#ttl, { params, value, today: this.today() });
    return view.dayShown ? Math.min(ttlSeconds, secondsUntilMidnight(this.#clock())) : ttlSeconds;
  }

  #open(view: View): OpenView {
    const open = this.#views.get(view);
    if (!open) throw new Error(`the view ${view.key} belongs to no mounted service`);
    return open;
  }
}
