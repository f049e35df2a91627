// Where the store contract puts its entries, and how it fills them.
// Tests: test/contract/memory-store.test.ts
import { randomUUID } from "node:crypto";
import type { KeySpace } from "../../store/key-space.js";
import type { KeyedStore } from "../../store/keyed-store.js";
import type { CommitResult, FillStart, Store, SweepTarget } from "../../store/store.js";
import { keyedOf } from "../../store/store-parts.js";

export const MINUTE_MS = 60_000;

/** A tenant's module with one entry in it. */
export interface Place {
  readonly tenant: string;
  readonly module: string;
  /** The tenant's, and the module's. */
  readonly fenceKeys: readonly [string, string];
  readonly entryKey: string;
  readonly leaseKey: string;
}

export interface CommitOptions {
  readonly entryKey?: string;
  readonly maxEntries?: number;
  readonly ttlMs?: number;
  readonly maxTenantBytes?: number;
  /** Of the lease, which is given back. */
  readonly holder?: string;
  readonly expected?: Buffer | null;
}

export interface BeginOptions {
  readonly leaseTtlMs?: number;
  readonly unlessStored?: boolean;
}

export class Places {
  readonly store: Store;
  readonly keys: KeySpace;

  constructor(store: Store, keys: KeySpace) {
    this.store = store;
    this.keys = keys;
  }

  get keyed(): KeyedStore {
    return keyedOf(this.store);
  }

  place(module = "accounts", tenant: string = randomUUID()): Place {
    return {
      tenant,
      module,
      fenceKeys: [this.keys.fence(tenant), this.keys.fence(tenant, module)],
      entryKey: this.keys.entry(tenant, module, "h1"),
      leaseKey: this.keys.lease(tenant, module, "h1"),
    };
  }

  /** Another entry's key, of the same module. */
  entryKey(at: Place, hash: string): string {
    return this.keys.entry(at.tenant, at.module, hash);
  }

  begin(
    at: Place,
    holder?: string,
    { leaseTtlMs: ttlMs = MINUTE_MS, unlessStored = false }: BeginOptions = {},
  ): Promise<FillStart> {
    return this.store.beginFill({
      entryKey: at.entryKey,
      fenceKeys: at.fenceKeys,
      fenceTtlMs: MINUTE_MS,
      ...(holder && { lease: { key: at.leaseKey, holder, ttlMs, unlessStored } }),
    });
  }

  /** Whether it is stored. */
  async commit(
    at: Place,
    start: FillStart,
    value?: Buffer | readonly Buffer[],
    more?: CommitOptions,
  ): Promise<boolean> {
    return (await this.commitWith(at, start, value, more)).outcome === "stored";
  }

  commitWith(
    at: Place,
    start: FillStart,
    value: Buffer | readonly Buffer[] = Buffer.from("value"),
    more: CommitOptions = {},
  ): Promise<CommitResult> {
    return this.store.commitFill({
      tenant: at.tenant,
      module: at.module,
      entryKey: more.entryKey ?? at.entryKey,
      value: Buffer.isBuffer(value) ? [value] : value,
      ttlMs: more.ttlMs ?? MINUTE_MS,
      maxEntries: more.maxEntries ?? 100,
      fenceKeys: at.fenceKeys,
      fences: start.fences,
      fenceTtlMs: MINUTE_MS,
      ...(more.maxTenantBytes !== undefined && { maxTenantBytes: more.maxTenantBytes }),
      ...(more.holder !== undefined && { lease: { key: at.leaseKey, holder: more.holder } }),
      ...(more.expected !== undefined && { expected: more.expected }),
    });
  }

  async entryAt(fenceKeys: readonly string[], entryKey: string): Promise<Buffer | null> {
    return (await this.store.read(fenceKeys, [entryKey])).entries[0] ?? null;
  }

  /** The fences as they are, `null` where one is missing. */
  async fencesAt(at: Place): Promise<readonly (string | null)[]> {
    return (await this.store.read(at.fenceKeys, [])).fences;
  }

  /** Of a store that has a sweep. */
  async sweep(targets: readonly SweepTarget[]): Promise<number | undefined> {
    return this.store.sweep?.(targets);
  }
}
