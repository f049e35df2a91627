// The in-process store: entries and fences of one process, for a single instance, development and tests.
import { randomBytes } from "node:crypto";
import { TenantCacheError } from "../errors.js";
import { shown } from "../shown.js";
import { monotonicNow } from "../timers.js";
import type { CauseNote, CauseQuery, Peek, PeekRequest, StoredCause } from "./cause-log.js";
import { characterLru } from "./character-lru.js";
import type { EntryPage, ListRequest } from "./entry-page.js";
import type { FeedPlace } from "./feed-place.js";
import { areSame, isPending, MADE_MARK, newFence, PENDING_MARK } from "./fence-token.js";
import type { KeySpace } from "./key-space.js";
import { MemoryCauses } from "./memory-causes.js";
import { MemoryFeedPlace } from "./memory-feed-place.js";
import { MemoryKeyedStore } from "./memory-keyed-store.js";
import { MemoryLeases } from "./memory-leases.js";
import { memoryPage } from "./memory-page.js";
import { PendingWriters } from "./pending-writers.js";
import type { SharingTerms } from "./sharing-terms.js";
import type {
  CommitResult,
  FillCommit,
  FillRequest,
  FillStart,
  HeldLease,
  Snapshot,
  Store,
  StoreListener,
  SweepTarget,
} from "./store.js";
import type { Inventory, ServerReport } from "./store-report.js";
import { TenantLru } from "./tenant-lru.js";

export interface MemoryStoreOptions {
  /** Bytes that all entries together may take. */
  readonly maxBytes: number;
  /** Bytes that the entries of one tenant may take. */
  readonly maxTenantBytes: number;
}

// Some hundred thousand. A fence that is dropped counts as changed: this bound costs hits, never freshness.
const MAX_FENCE_CHARACTERS = 20 * 1024 * 1024;

interface Held {
  readonly value: Buffer;
  readonly fenceKeys: readonly string[];
  readonly fences: readonly string[];
}

export class MemoryStore implements Store {
  readonly kind = "memory";
  readonly isInProcess = true;
  readonly isPrivate = true;
  readonly holdsInMemory = true;
  readonly #entries: TenantLru<Held>;
  readonly #fences = characterLru<string>(MAX_FENCE_CHARACTERS, (fence) => fence.length);
  readonly #writers = new PendingWriters();
  readonly #causes = new MemoryCauses();
  readonly #leases = new MemoryLeases();
  readonly keyed: MemoryKeyedStore;
  readonly #maxBytes: number;
  readonly #runId = randomBytes(12).toString("base64url");
  readonly #startedAtMs = monotonicNow();

  /** @throws TenantCacheError `ETC_OPTIONS` */
  constructor(options: MemoryStoreOptions, ...surplus: never[]) {
    const { maxBytes, maxTenantBytes, ...others } = Object(options) as MemoryStoreOptions;
    const write = "write new MemoryStore({ maxBytes, maxTenantBytes }), with numbers of bytes";
    for (const name of [...Object.keys(others), ...surplus.map(shown)])
      throw new TenantCacheError("ETC_OPTIONS", `MemoryStore takes no ${name}: ${write}`);
    for (const bytes of [maxBytes, maxTenantBytes])
      if (typeof bytes !== "number" || !(bytes >= 0))
        throw new TenantCacheError("ETC_OPTIONS", `MemoryStore: a bound is ${shown(bytes)}: ${write}`);
    this.#maxBytes = maxBytes;
    this.#entries = new TenantLru({ maxBytes, maxTenantBytes });
    this.keyed = new MemoryKeyedStore(this.#entries, this.#fences);
  }

  share(terms: SharingTerms): void {
    this.#entries.share(terms);
  }

  listen(listener: StoreListener): void {
    listener.up();
  }

  async ping(): Promise<void> {}

  async read(fenceKeys: readonly string[], entryKeys: readonly string[]): Promise<Snapshot> {
    return {
      fences: fenceKeys.map((key) => this.#fence(key)),
      entries: entryKeys.map((key) => this.#entries.get(key)?.value ?? null),
      runId: this.#runId,
    };
  }

  groupOf(_key: string): string {
    return "";
  }

  feed(keys: KeySpace): FeedPlace {
    return new MemoryFeedPlace(keys, (key, value, ttlMs) => this.#fences.set(key, value, { ttl: ttlMs }));
  }

  async beginFill({ entryKey, fenceKeys, lease, tokenKey }: FillRequest): Promise<FillStart> {
    const fences = fenceKeys.map((key) => this.#fence(key) ?? this.#makeFence(key));
    const held = this.#entries.get(entryKey);
    const isCurrent = held !== undefined && areSame(fences, held.fences);
    return {
      fences,
      runId: this.#runId,
      entry: held?.value ?? null,
      lease: lease?.unlessStored && isCurrent ? "none" : this.#leases.take(lease, fences.join()),
      nowMs: Date.now(),
      token: tokenKey === undefined ? null : this.#fence(tokenKey),
    };
  }

  async commitFill(commit: FillCommit): Promise<CommitResult> {
    const outcome = this.#commit(commit);
    if (commit.lease && outcome !== "too-large") this.#leases.drop(commit.lease);
    return typeof outcome === "number" ? { outcome: "stored", evicted: outcome } : { outcome, evicted: 0 };
  }

  /** How many entries have made room because of the tenant's bound. */
  #commit(commit: FillCommit): number | "fenced" | "too-large" {
    if (!this.#areCurrent(commit.fenceKeys, commit.fences)) return "fenced";
    const { tenant, module, entryKey, fenceKeys, fences, expected, maxTenantBytes } = commit;
    const held = this.#entries.get(entryKey)?.value ?? null;
    if (expected !== undefined && !isSame(expected, held)) return "fenced";
    const value = Buffer.concat(commit.value);
    const holding = {
      tenant,
      module,
      bytes: value.length + entryKey.length,
      maxModuleEntries: commit.maxEntries,
      maxTenantBytes,
    };
    return this.#entries.set(entryKey, { value, fenceKeys, fences }, holding, commit.ttlMs) ?? "too-large";
  }

  async abandonFill(lease: HeldLease, skipMs: number): Promise<void> {
    this.#leases.drop(lease);
    if (skipMs > 0) this.#leases.skip(lease.key, skipMs);
  }

  async replaceFences(
    fenceKeys: readonly string[],
    _fenceTtlMs?: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void> {
    const nowMs = Date.now();
    for (const key of fenceKeys) this.#replaceFence(key, nowMs, mark);
    this.#causes.add(cause, nowMs);
  }

  async amendFences(
    fenceKeys: readonly string[],
    mark: string,
    most: number,
    _fenceTtlMs?: number,
    cause?: CauseNote,
  ): Promise<void> {
    const nowMs = Date.now();
    this.#causes.add(cause, nowMs);
    for (const key of fenceKeys) {
      const fence = this.#fence(key);
      if (fence === null) continue;
      if (isPending(fence) || fence.length + mark.length > most) this.#replaceFence(key, nowMs);
      else this.#fences.set(key, fence + mark);
    }
  }

  async beginWrite(fenceKeys: readonly string[], writer: string, deadlineMs: number): Promise<void> {
    for (const key of fenceKeys) this.#writers.add(key, writer, deadlineMs);
  }

  async endWrite(
    fenceKeys: readonly string[],
    writer: string,
    _fenceTtlMs?: number,
    cause?: CauseNote,
    mark?: string,
  ): Promise<void> {
    const nowMs = Date.now();
    for (const key of fenceKeys) {
      this.#writers.remove(key, writer);
      this.#replaceFence(key, nowMs, mark);
    }
    this.#causes.add(cause, nowMs);
  }

  async readCauses(key: string, query: CauseQuery): Promise<readonly StoredCause[]> {
    return this.#causes.read(key, query);
  }

  async peek({ tenant, module, entryKey, fenceKeys }: PeekRequest): Promise<Peek> {
    const held = this.#entries.peek(entryKey);
    return {
      fences: fenceKeys.map((key) => this.#fence(key)),
      entry: held?.value ?? null,
      runId: this.#runId,
      isListed: held !== undefined,
      moduleEntries: this.#entries.keysOf(tenant, module).length,
      tenantBytes: this.#entries.bytesOf(tenant),
    };
  }

  async remove(key: string): Promise<void> {
    this.#entries.delete(key);
  }

  async sweep(targets: readonly SweepTarget[]): Promise<number> {
    let removed = 0;
    for (const { tenant, module } of targets) {
      for (const key of this.#entries.keysOf(tenant, module)) {
        const held = this.#entries.get(key);
        if (held && !this.#areCurrent(held.fenceKeys, held.fences) && this.#entries.delete(key)) removed++;
      }
    }
    return removed;
  }

  async forgetAllFences(): Promise<void> {
    this.#fences.clear();
  }

  async *listFences(beginning: string, ending: string): AsyncGenerator<readonly string[]> {
    yield [...this.#fences.keys()].filter((key) => key.startsWith(beginning) && key.endsWith(ending));
  }

  async inventory({ tenant }: { readonly tenant?: string }): Promise<Inventory> {
    const rows = [...this.#entries.holdings()].filter((row) => tenant === undefined || row.tenant === tenant);
    return { rows, complete: true, ...(tenant === undefined && { fences: this.#fences.size }) };
  }

  async listEntries(request: ListRequest): Promise<EntryPage> {
    return memoryPage(this.#entries, request, (of) => this.#areCurrent(of.fenceKeys, of.fences));
  }

  async tenantBytes(tenants: readonly string[]): Promise<readonly number[]> {
    return tenants.map((tenant) => this.#entries.bytesOf(tenant));
  }

  async serverReport(): Promise<ServerReport> {
    return {
      version: null,
      usedMemoryBytes: this.#entries.bytes,
      maxMemoryBytes: this.#maxBytes,
      evictedKeys: this.#entries.evictions,
      expiredKeys: null,
      keys: this.#entries.entries,
      uptimeSeconds: Math.round((monotonicNow() - this.#startedAtMs) / 1000),
      connectedClients: null,
      fragmentationRatio: null,
      commandsProcessed: null,
      keyspaceHits: null,
      keyspaceMisses: null,
      keyspace: null,
    };
  }

  async close(): Promise<void> {
    this.#entries.clear();
    this.#fences.clear();
    this.#causes.clear();
  }

  #fence(key: string): string | null {
    switch (this.#writers.state(key)) {
      case "pending":
        return PENDING_MARK;
      case "expired":
        return this.#replaceFence(key);
      case "none":
        return this.#fences.get(key) ?? null;
    }
  }

  #makeFence(key: string): string {
    const fence = MADE_MARK + newFence(Date.now());
    this.#fences.set(key, fence);
    return fence;
  }

  #replaceFence(key: string, nowMs = Date.now(), mark = ""): string {
    const fence = newFence(nowMs, mark);
    this.#fences.set(key, fence);
    return fence;
  }

  #areCurrent(fenceKeys: readonly string[], fences: readonly string[]): boolean {
    const current = fenceKeys.map((key) => this.#fence(key));
    return areSame(current, fences);
  }
}

function isSame(one: Buffer | null, other: Buffer | null): boolean {
  return one === null || other === null ? one === other : one.equals(other);
}
