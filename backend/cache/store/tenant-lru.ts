// A byte-bounded LRU in which no tenant and no module can take more than its share.
import { LRUCache } from "lru-cache";

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
}

interface Item<V> {
  readonly value: V;
  readonly holding: Holding;
  readonly expiresAtMs: number;
}

interface TenantBooks {
  bytes: number;
  /** Oldest first. */
  readonly keys: Set<string>;
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
  readonly #items: LRUCache<string, Item<V>>;
  readonly #tenants = new Map<string, TenantBooks>();
  readonly #maxTenantBytes: number;
  #evictions = 0;

  constructor(options: TenantLruOptions) {
    this.#maxTenantBytes = options.maxTenantBytes;
    this.#items = new LRUCache<string, Item<V>>({
      maxSize: options.maxBytes,
      maxEntrySize: options.maxTenantBytes,
      sizeCalculation: (item) => sizeOf(item.holding),
      dispose: (item, key, reason) => {
        this.#strike(key, item.holding);
        if (reason === "evict") this.#evictions++;
      },
    });
  }

  get entries(): number {
    return this.#items.size;
  }

  get bytes(): number {
    return this.#items.calculatedSize;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get(key: string): V | undefined {
    const item = this.#items.get(key);
    if (!item || item.expiresAtMs > Date.now()) return item?.value;
    this.#items.delete(key);
    return undefined;
  }

  /** Stores a value until `ttlMs` from now, at the cost of the oldest of the same module, of the same tenant, or of all. */
  set(key: string, value: V, holding: Holding, ttlMs: number): void {
    this.#items.delete(key);
    this.#items.set(key, { value, holding, expiresAtMs: Date.now() + ttlMs });
    if (this.#items.has(key)) this.#enter(key, holding);
  }

  delete(key: string): boolean {
    return this.#items.delete(key);
  }

  /** Keys of a tenant, or of one module of it. */
  keysOf(tenant: string, module?: string): readonly string[] {
    const books = this.#tenants.get(tenant);
    const keys = module === undefined ? books?.keys : books?.modules.get(module)?.keys;
    return keys ? [...keys] : [];
  }

  *holdings(): Generator<{ tenant: string; module: string; entries: number; bytes: number }> {
    const nowMs = Date.now();
    for (const [key, item] of [...this.#items.entries()])
      if (item.expiresAtMs <= nowMs) this.#items.delete(key);
    for (const [tenant, books] of this.#tenants) {
      for (const [module, { keys, bytes }] of books.modules)
        yield { tenant, module, entries: keys.size, bytes };
    }
  }

  clear(): void {
    this.#items.clear();
  }

  #enter(key: string, holding: Holding): void {
    const tenant = this.#tenants.get(holding.tenant) ?? { bytes: 0, keys: new Set(), modules: new Map() };
    this.#tenants.set(holding.tenant, tenant);
    const module = tenant.modules.get(holding.module) ?? { bytes: 0, keys: new Set() };
    tenant.modules.set(holding.module, module);
    for (const books of [tenant, module]) {
      books.keys.add(key);
      books.bytes += sizeOf(holding);
    }
    this.#evictOldest(module, () => module.keys.size > holding.maxModuleEntries);
    this.#evictOldest(tenant, () => tenant.bytes > this.#maxTenantBytes);
  }

  #evictOldest(books: { readonly keys: Set<string> }, tooMuch: () => boolean): void {
    for (const oldest of books.keys) {
      if (!tooMuch()) return;
      this.#items.delete(oldest);
      this.#evictions++;
    }
  }

  #strike(key: string, holding: Holding): void {
    const tenant = this.#tenants.get(holding.tenant);
    const module = tenant?.modules.get(holding.module);
    if (!tenant || !module?.keys.delete(key)) return;
    module.bytes -= sizeOf(holding);
    tenant.bytes -= sizeOf(holding);
    tenant.keys.delete(key);
    if (module.keys.size === 0) tenant.modules.delete(holding.module);
    if (tenant.keys.size === 0) this.#tenants.delete(holding.tenant);
  }
}

function sizeOf(holding: Holding): number {
  return holding.bytes + OVERHEAD_BYTES;
}
