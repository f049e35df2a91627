// The engine: reads checked against fences, fills stored by compare-and-set, invalidations that replace fences.
// Tests: test/unit/fills.test.ts, test/integration/invalidate-cache.test.ts
import type { Advisor } from "../advice/advisor.js";
import type { Origin } from "../cause-origin.js";
import type { SealCount } from "../codec/encryption.js";
import type { Entry } from "../codec/entry.js";
import type { Logger } from "../logger.js";
import type { KeySpace } from "../store/key-space.js";
import type { CommitResult, Store } from "../store/store.js";
import { Alarms } from "./alarms.js";
import { Causes } from "./causes.js";
import type { Counters } from "./counters.js";
import type { EngineOptions } from "./engine-options.js";
import { EntryMemory } from "./entry-memory.js";
import type { EntryRef } from "./entry-ref.js";
import { EntryWriter } from "./entry-writer.js";
import { CacheEvents } from "./events.js";
import type { RunningFeed } from "./feeds.js";
import type { FencedScope } from "./fences.js";
import { Fills } from "./fills.js";
import { Inspector } from "./inspector.js";
import { InvalidationAccount } from "./invalidation-account.js";
import { Invalidator } from "./invalidator.js";
import { Inventories } from "./inventories.js";
import { KeyedEntries } from "./keyed-entries.js";
import { LastReport } from "./last-report.js";
import { Leases } from "./leases.js";
import { LocalEntries } from "./local-entries.js";
import { Lookups } from "./lookups.js";
import { RefusedValues } from "./refused-values.js";
import { SharedRuns } from "./shared-runs.js";
import { StoreGate } from "./store-gate.js";
import { Sweeps } from "./sweeps.js";
import { VariantMaker } from "./variant-maker.js";

export class CacheEngine {
  readonly store: Store;
  readonly keys: KeySpace;
  readonly counters: Counters;
  readonly gate: StoreGate;
  readonly events: CacheEvents;
  readonly lastReport = new LastReport();
  /** What the store holds of all tenants. */
  readonly inventories: Inventories;
  readonly causes: Causes;
  /** What is known of entries that are missing. */
  readonly memory: EntryMemory;
  readonly inspector: Inspector;
  readonly account: InvalidationAccount;
  /** Hits, and the misses that open fills. */
  readonly lookups: Lookups;
  /** What requests share while the store is away. */
  readonly shared: SharedRuns;
  /** Entries that the toolkit names by a key. */
  readonly keyed: KeyedEntries;
  readonly advisor: Advisor | undefined;
  readonly logger: Logger;
  readonly feed: RunningFeed | undefined;
  readonly #local: LocalEntries | undefined;
  readonly #writer: EntryWriter;
  readonly #fills: Fills;
  readonly #variants: VariantMaker;
  readonly #sweeps: Sweeps;
  readonly #invalidator: Invalidator;
  readonly #options: EngineOptions;
  readonly #alarms: Alarms;
  constructor(store: Store, keys: KeySpace, counters: Counters, options: EngineOptions, logger: Logger) {
    this.store = store;
    this.keys = keys;
    this.counters = counters;
    this.#options = options;
    this.advisor = options.advisor;
    this.logger = logger;
    this.inventories = new Inventories(store, this.lastReport);
    this.memory = new EntryMemory(options.budgetMs);
    this.feed = options.feed;
    this.events = new CacheEvents(logger);
    this.gate = new StoreGate(store, keys, { ...options, latencies: counters.latencies }, logger);
    this.#alarms = new Alarms(this, logger);
    this.causes = new Causes(store, keys, this.gate, options, ({ atMs: _at, ...cause }) =>
      this.events.publish("invalidated", { ...cause, confirmed: true, elsewhere: true }),
    );
    // A store that holds its entries in this process's memory is such a tier already.
    if (options.localBytes > 0 && !store.holdsInMemory)
      this.#local = new LocalEntries(options.localBytes, options.localTenantBytes);
    const leases = new Leases(store, this.gate, options);
    const parts = { store, gate: this.gate, leases, refused: new RefusedValues(logger), counters };
    this.#writer = new EntryWriter(parts, options, {
      onCommitted: (ref, entry) => {
        this.#local?.set(ref, entry);
        this.memory.stored(ref, entry);
      },
      onStored: ({ tenant, module, entryKey: key }) => this.events.publish("stored", { tenant, module, key }),
      onBounded: (ref, result) => this.#bounded(ref, result),
    });
    this.#fills = new Fills({ store, gate: this.gate, writer: this.#writer, leases }, options);
    this.shared = new SharedRuns(this.#fills.skipped, options);
    this.lookups = new Lookups({
      store,
      gate: this.gate,
      local: this.#local,
      sealer: options.sealer,
      counters,
      writer: this.#writer,
      fills: this.#fills,
      fenceTtlMs: options.fenceTtlMs,
      alarm: (ref, problem) => void this.#alarms.raise(ref, problem),
    });
    this.inspector = new Inspector({
      store,
      gate: this.gate,
      local: this.#local,
      sealer: options.sealer,
      recalled: (ref) => this.lookups.recalled(ref),
    });
    this.#variants = new VariantMaker(this.#writer);
    this.keyed = new KeyedEntries({
      store,
      keys,
      gate: this.gate,
      writer: this.#writer,
      sealer: options.sealer,
      fenceTtlMs: options.fenceTtlMs,
      replace: (tenant, fenceKeys, write) => this.#invalidator.replace(tenant, fenceKeys, write),
      invalidate: (scope, origin) => this.invalidate(scope, origin),
      countInvalidation: (confirmed, tenant, module) => this.account.count(confirmed, tenant, module),
      alarm: (ref, problem) => void this.#alarms.raise(ref, problem),
    });
    this.#sweeps = new Sweeps(store, options, () => this.gate.state === "closed");
    this.account = new InvalidationAccount(counters, this.events, this.#sweeps);
    this.#invalidator = new Invalidator(
      {
        store,
        keys,
        gate: this.gate,
        lookups: this.lookups,
        causes: this.causes,
        counters,
        account: this.account,
        advisor: options.advisor,
      },
      options,
    );
  }

  /** Keys that sweeps have removed since the process began. */
  get sweptKeys(): number {
    return this.#sweeps.sweptKeys;
  }

  /** What this process has sealed; `null` without encryption. */
  get sealed(): SealCount | null {
    return this.#options.sealer.sealed;
  }

  /** What the entries of one tenant may take in the store, bytes; `Infinity` where that is not bounded. */
  get maxTenantBytes(): number {
    return this.#options.maxTenantBytes;
  }

  /** The in-process tier beside the store; absent where there is none. */
  get local(): Pick<LocalEntries, "size" | "bytes" | "evictions"> | undefined {
    return this.#local;
  }

  get pendingSweeps(): number {
    return this.#sweeps.pending;
  }

  /** Whether a handler runs already that would answer a miss. */
  isFilling(ref: EntryRef, seen: string | undefined): boolean {
    return this.#fills.isUnderWay(ref, seen);
  }

  get fillsInFlight(): number {
    return this.#fills.inFlight;
  }

  /** See {@link Invalidator.invalidate}. */
  invalidate(scope: FencedScope, origin: Origin): Promise<boolean> {
    return this.#invalidator.invalidate(scope, origin);
  }

  /** Like {@link invalidate}, for all that a tenant has. */
  invalidateTenant(tenant: string, origin: Origin): Promise<boolean> {
    return this.invalidate({ tenant, modules: [], tags: [], everything: true }, origin);
  }

  /** All of every tenant, or of one module: see `wide-invalidations.ts`. */
  invalidateEverywhere(module: string | undefined, origin: Origin): Promise<boolean> {
    return this.#invalidator.invalidateEverywhere(module, origin);
  }

  /** @param marks of the URL: see `forgotten-urls.ts` */
  forgetUrl(tenant: string, marks: string, origin: Origin): Promise<boolean> {
    return this.#invalidator.forgetUrl(tenant, marks, origin);
  }

  /** See {@link Invalidator.beginWrite}. */
  beginWrite(scope: FencedScope, writer: string, deadlineMs: number): Promise<void> {
    return this.#invalidator.beginWrite(scope, writer, deadlineMs);
  }

  /** Like {@link invalidate}, and takes the writer's mark away. */
  endWrite(scope: FencedScope, writer: string, origin: Origin): Promise<boolean> {
    return this.#invalidator.endWrite(scope, writer, origin);
  }

  /**
   * For an entry that is what it should be but for its contents: a counted alarm, and removed. Whoever fills it waits
   * for that: the fill would find it there, and follow it.
   */
  discard(ref: EntryRef): Promise<void> {
    this.#local?.delete(ref);
    this.memory.unstored(ref, "value");
    return this.#alarms.raise(ref, "invalid");
  }

  /** Makes compressed variants of an entry behind a hit that could have used one. */
  makeVariants(ref: EntryRef, entry: Entry): void {
    if (this.#options.compress) this.#variants.consider(ref, entry);
  }

  /** Resolves when the work behind responses (stores, compression, sweeps) is done. */
  async idle(): Promise<void> {
    await this.#variants.underWay.idle();
    await this.#writer.underWay.idle();
    await this.#sweeps.idle();
    await this.store.idle?.();
  }

  async close(): Promise<void> {
    this.#sweeps.stop();
    await Promise.all([this.#writer.underWay.ended(), this.#variants.underWay.ended()]);
    this.gate.stop();
    this.causes.stop();
    await this.store.close();
  }

  #bounded({ tenant }: EntryRef, { outcome, evicted, recount }: CommitResult): void {
    if (recount) this.#sweeps.enqueueRecount(tenant);
    if (outcome !== "stored" || evicted > 0) this.#alarms.quotaReached(this.maxTenantBytes);
  }
}
