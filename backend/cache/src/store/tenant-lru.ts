// A byte-bounded LRU in which no tenant and no module can take more than its share, and each tenant keeps what is reserved for it.
import { LRUCache } from "lru-cache";
import { monotonicNow } from "../timers.js";
import { ReservedEntries } from "./reserved-entries.js";
import type { SharingTerms } from "./sharing-terms.js";

export interface TenantLruOptions {
  readonly maxBytes: number;
  /** The most that one tenant may hold. */
  readonly maxTenantBytes: number;
}

/** Where a value belongs and what it costs. */
export interface Holding {
  readonly tenant: string;
  readonly module: string;
  readonly bytes: number;
  readonly maxModuleEntries: number;
  /** What the tenant may hold with it, where that is less than {@link TenantLruOptions.maxTenantBytes}. */
  readonly maxTenantBytes?: number | undefined;
}

/** One flat object for each value: there are many, and small values are not to cost more than they are. */
interface Item<V> {
  readonly value: V;
  readonly tenant: string;
  readonly module: string;
  /** With what its books cost. */
  readonly bytes: number;
  /**
   * By the process's own clock, in whole milliseconds: V8 keeps such a number in its field for the first
   * weeks.
   */
  readonly expiresAtMs: number;
  /** Greater for what was stored later. */
  readonly turn: number;
  isUsed: boolean;
}

interface TenantBooks {
  bytes: number;
  readonly modules: Map<string, ModuleBooks>;
}

interface ModuleBooks {
  bytes: number;
  /** Oldest first. */
  readonly keys: Set<string>;
}

/** Bytes that a key and its books cost beside the value, as measured on V8; rounded up. */
const OVERHEAD_BYTES = 512;

export class TenantLru<V extends object> {
  /** The pool: all that is not reserved. */
  readonly #items: LRUCache<string, Item<V>>;
  readonly #maxBytes: number;
  #reserved: ReservedEntries<Item<V>> | undefined;
  #terms: SharingTerms = { reservedBytesPerTenant: 0, maxPooledBytes: Number.POSITIVE_INFINITY };
  readonly #tenants = new Map<string, TenantBooks>();
  readonly #maxTenantBytes: number;
  #evictions = 0;
  #turns = 0;

  constructor(options: TenantLruOptions) {
    this.#maxBytes = options.maxBytes;
    this.#maxTenantBytes = options.maxTenantBytes;
    this.#items = new LRUCache<string, Item<V>>({
      maxSize: options.maxBytes,
      maxEntrySize: options.maxTenantBytes,
      sizeCalculation: ({ bytes }) => bytes,
      dispose: (item, key, reason) => {
        this.#strike(key, item);
        if (reason === "evict") this.#evictions++;
      },
    });
  }

  get entries(): number {
    return this.#items.size + (this.#reserved?.size ?? 0);
  }

  get bytes(): number {
    return this.#items.calculatedSize + (this.#reserved?.bytes ?? 0);
  }

  get evictions(): number {
    return this.#evictions;
  }

  /** Before anything is stored. */
  share(terms: SharingTerms): void {
    this.#terms = terms;
    if (terms.reservedBytesPerTenant > 0) this.#reserved = new ReservedEntries();
  }

  get(key: string): V | undefined {
    const item = this.#items.get(key) ?? this.#spared(key);
    if (!item || item.expiresAtMs > monotonicNow()) return item?.value;
    this.delete(key);
    return undefined;
  }

  /** Like {@link get}, and does not count as a use. */
  peek(key: string): V | undefined {
    const item = this.#items.peek(key);
    return item && item.expiresAtMs > monotonicNow() ? item.value : undefined;
  }

  /**
   * Stores a value until `ttlMs` from now, at the cost of the oldest of the same module, of the same tenant,
   * or of all. Returns how many have made room because of the tenant's bound; `undefined` where the value is
   * larger than that, and nothing has changed.
   */
  set(key: string, value: V, holding: Holding, ttlMs: number): number | undefined {
    const { tenant, module, bytes, maxModuleEntries } = holding;
    const maxTenantBytes = Math.min(this.#maxTenantBytes, holding.maxTenantBytes ?? this.#maxTenantBytes);
    if (bytes + OVERHEAD_BYTES > maxTenantBytes) return undefined;
    this.delete(key);
    const item: Item<V> = {
      value,
      tenant,
      module,
      bytes: bytes + OVERHEAD_BYTES,
      expiresAtMs: Math.ceil(monotonicNow() + ttlMs),
      turn: this.#turns++,
      isUsed: false,
    };
    if (!this.#reserved) {
      this.#items.set(key, item);
      if (!this.#items.has(key)) return undefined;
    }
    const evicted = this.#enter(key, item, maxModuleEntries, maxTenantBytes);
    this.#makeRoom();
    return evicted;
  }

  delete(key: string): boolean {
    const reserved = this.#reserved?.delete(key);
    if (!reserved) return this.#items.delete(key);
    this.#strike(key, reserved);
    return true;
  }

  /** What a tenant holds. */
  bytesOf(tenant: string): number {
    return this.#tenants.get(tenant)?.bytes ?? 0;
  }

  /** Keys of a tenant, or of one module of it. */
  keysOf(tenant: string, module?: string): readonly string[] {
    const modules = this.#tenants.get(tenant)?.modules;
    if (module !== undefined) return [...(modules?.get(module)?.keys ?? [])];
    return [...(modules?.values() ?? [])].flatMap(({ keys }) => [...keys]);
  }

  *holdings(): Generator<{ tenant: string; module: string; entries: number; bytes: number }> {
    const nowMs = monotonicNow();
    for (const [key, item] of [...this.#items.entries(), ...(this.#reserved?.entries() ?? [])])
      if (item.expiresAtMs <= nowMs) this.delete(key);
    for (const [tenant, books] of this.#tenants) {
      for (const [module, { keys, bytes }] of books.modules)
        yield { tenant, module, entries: keys.size, bytes };
    }
  }

  clear(): void {
    this.#items.clear();
    this.#reserved?.clear();
    this.#tenants.clear();
  }

  /** What a tenant keeps: its reservation, or less where that cannot be given to all. */
  get #reservedBytes(): number {
    const { reservedBytesPerTenant } = this.#terms;
    return Math.min(reservedBytesPerTenant, Math.floor(this.#maxBytes / Math.max(1, this.#tenants.size)));
  }

  #spared(key: string): Item<V> | undefined {
    const item = this.#reserved?.get(key);
    if (item) item.isUsed = true;
    return item;
  }

  #pool(leaving: readonly (readonly [key: string, item: Item<V>])[]): void {
    for (const [key, item] of leaving) this.#items.set(key, item);
  }

  /** Of the pool what nobody has asked for the longest goes, whoever has stored it. */
  #makeRoom(): void {
    const reserved = this.#reserved;
    if (!reserved) return;
    for (const key of reserved.expired(monotonicNow())) this.delete(key);
    while (this.bytes > this.#maxBytes || this.#items.calculatedSize > this.#terms.maxPooledBytes) {
      if (this.#items.size > 0) this.#items.pop();
      else {
        const given = reserved.give(this.#reservedBytes);
        if (given.length === 0) return;
        this.#pool(given);
      }
    }
  }

  #enter(key: string, item: Item<V>, maxModuleEntries: number, maxTenantBytes: number): number {
    const tenant = this.#tenants.get(item.tenant) ?? { bytes: 0, modules: new Map() };
    this.#tenants.set(item.tenant, tenant);
    const module = tenant.modules.get(item.module) ?? { bytes: 0, keys: new Set() };
    tenant.modules.set(item.module, module);
    module.keys.add(key);
    for (const books of [tenant, module]) books.bytes += item.bytes;
    if (this.#reserved) this.#pool(this.#reserved.add(item.tenant, key, item, this.#reservedBytes));
    while (module.keys.size > maxModuleEntries) this.#evict(first(module.keys));
    let evicted = 0;
    for (; tenant.bytes > maxTenantBytes; evicted++) this.#evict(this.#oldestOf(tenant));
    return evicted;
  }

  #evict(key: string): void {
    this.delete(key);
    this.#evictions++;
  }

  #oldestOf({ modules }: TenantBooks): string {
    let oldest = { key: "", turn: Number.POSITIVE_INFINITY };
    for (const { keys } of modules.values()) {
      const key = first(keys);
      const turn = (this.#items.peek(key) ?? this.#reserved?.get(key))?.turn ?? Number.POSITIVE_INFINITY;
      if (turn < oldest.turn) oldest = { key, turn };
    }
    return oldest.key;
  }

  #strike(key: string, item: Item<V>): void {
    const tenant = this.#tenants.get(item.tenant);
    const module = tenant?.modules.get(item.module);
    if (!tenant || !module?.keys.delete(key)) return;
    module.bytes -= item.bytes;
    tenant.bytes -= item.bytes;
    if (module.keys.size === 0) tenant.modules.delete(item.module);
    if (tenant.modules.size === 0) this.#tenants.delete(item.tenant);
  }
}

/** Of a set that is not empty. */
function first(keys: ReadonlySet<string>): string {
  for (const key of keys) return key;
  return "";
}
