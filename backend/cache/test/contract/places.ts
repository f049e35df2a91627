// Where the store contract puts its entries, and how it fills them.
import { randomUUID } from "node:crypto";
import type { KeySpace } from "../../src/store/key-space.js";
import type { CommitResult, FillStart, Store } from "../../src/store/store.js";

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
}

export class Places {
  readonly #store: Store;
  readonly #keys: KeySpace;

  constructor(store: Store, keys: KeySpace) {
    this.#store = store;
    this.#keys = keys;
  }

  place(module = "accounts", tenant: string = randomUUID()): Place {
    return {
      tenant,
      module,
      fenceKeys: [this.#keys.fence(tenant), this.#keys.fence(tenant, module)],
      entryKey: this.#keys.entry(tenant, module, "h1"),
      leaseKey: this.#keys.lease(tenant, module, "h1"),
    };
  }

  begin(at: Place, holder?: string, leaseTtlMs = MINUTE_MS, unlessStored = false): Promise<FillStart> {
    return this.#store.beginFill({
      entryKey: at.entryKey,
      fenceKeys: at.fenceKeys,
      fenceTtlMs: MINUTE_MS,
      ...(holder && { lease: { key: at.leaseKey, holder, ttlMs: leaseTtlMs, unlessStored } }),
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
    return this.#store.commitFill({
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
    });
  }

  async entryAt(fenceKeys: readonly string[], entryKey: string): Promise<Buffer | null> {
    return (await this.#store.read(fenceKeys, [entryKey])).entries[0] ?? null;
  }
}
