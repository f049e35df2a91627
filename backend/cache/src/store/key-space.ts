// The names of all keys: one place that writes them and reads them back.
// Tests: test/integration/redis-connection.test.ts, test/integration/tenant-inventory.test.ts

/** The part of a tenant's data that a fence stands for. */
export type FencedPart =
  | { readonly of: "tenant" }
  | { readonly of: "module" | "tag"; readonly name: string }
  /** Replaced with every tag's: see `engine/answer-tags.ts`. */
  | { readonly of: "any-tag" };

/**
 * Builds keys below one prefix. On Redis Cluster the tenant is the hash tag, so that one tenant's keys share
 * a slot.
 */
export class KeySpace {
  readonly prefix: string;
  readonly #hashTags: boolean;

  constructor(prefix: string, hashTags: boolean) {
    this.prefix = prefix;
    this.#hashTags = hashTags;
  }

  entry(tenant: string, module: string, hash: string): string {
    return `${this.module(tenant, module)}list:${hash}`;
  }

  /** What all entries of a module begin with. */
  module(tenant: string, module: string): string {
    return `${this.tenant(tenant)}${module}:`;
  }

  /** What all entries of a tenant begin with. */
  tenant(tenant: string): string {
    return `${this.prefix}tenant:${this.#tag(tenant)}:`;
  }

  /** What all entries begin with. */
  allEntries(): string {
    return `${this.prefix}tenant:`;
  }

  allFences(): string {
    return `${this.prefix}fence:`;
  }

  fence(tenant: string, module?: string): string {
    const fence = `${this.prefix}fence:${this.#tag(tenant)}`;
    return module === undefined ? fence : `${fence}:${module}`;
  }

  tagFence(tenant: string, tag: string): string {
    return `${this.prefix}fence:${this.#tag(tenant)}:tag:${tag}`;
  }

  /** Replaced with every tag's fence. No tag begins so. */
  anyTagFence(tenant: string): string {
    return this.tagFence(tenant, "-");
  }

  /**
   * Who holds a read lease, and the channel that tells them. No tenant's fence, but begins as fences do: who may use those may use it.
   */
  readers(): string {
    return `${this.prefix}fence:!readers`;
  }

  /** The entry of a toolkit key such as `users:profile:42`, whose first part is its module. */
  keyed(tenant: string, key: string): string {
    return `${this.tenant(tenant)}${key}`;
  }

  /**
   * The fence of one toolkit key. No module's or tag's fence: those have no part named `key` before a colon.
   */
  keyFence(tenant: string, key: string): string {
    return `${this.prefix}fence:${this.#tag(tenant)}:key:${key}`;
  }

  /** The fence of all keys that a pattern such as `users:profile:{id}` builds. */
  patternFence(tenant: string, pattern: string): string {
    return `${this.prefix}fence:${this.#tag(tenant)}:pattern:${pattern}`;
  }

  keyLease(tenant: string, key: string): string {
    return `${this.prefix}lease:${this.#tag(tenant)}:key:${key}`;
  }

  /** Not below the tenant's entries: a sweep would remove it. */
  counter(tenant: string, key: string): string {
    return `${this.prefix}counter:${this.#tag(tenant)}:${key}`;
  }

  lock(tenant: string, key: string): string {
    return `${this.prefix}lock:${this.#tag(tenant)}:${key}`;
  }

  lease(tenant: string, module: string, hash: string): string {
    return `${this.prefix}lease:${this.#tag(tenant)}:${module}:${hash}`;
  }

  /** Lists the entries made under one generation of the tenant's and the module's fence. */
  index(tenant: string, module: string, generation: string): string {
    return `${this.indexes(tenant)}${module}:${generation}`;
  }

  /** What the names of a tenant's indexes begin with. */
  indexes(tenant: string): string {
    return `${this.prefix}index:${this.#tag(tenant)}:`;
  }

  /** Lists the generations of a tenant that have an index, each as `<module>:<generation>`. */
  generations(tenant: string): string {
    return `${this.prefix}generations:${this.#tag(tenant)}`;
  }

  /** The bytes of each of the tenant's indexes, and of all of them. */
  ledger(tenant: string): string {
    return `${this.prefix}ledger:${this.#tag(tenant)}`;
  }

  /** What has replaced the tenant's fences. */
  causes(tenant: string): string {
    return `${this.prefix}causes:${this.#tag(tenant)}`;
  }

  /** What each tenant holds beyond its reservation, and all of them together. */
  pool(): string {
    return `${this.prefix}pool`;
  }

  /** Held by the one process that sweeps. */
  sweepLease(kind: "indexes" | "keyspace"): string {
    return `${this.prefix}sweep:${kind}`;
  }

  /** The tenant and module that an entry's key names, or `undefined` where it is no entry's key. */
  parseEntry(key: string): { tenant: string; module: string } | undefined {
    if (!key.startsWith(this.allEntries())) return undefined;
    const [tag, module] = key.slice(this.allEntries().length).split(":");
    if (!tag || !module) return undefined;
    return { tenant: this.#hashTags ? tag.slice(1, -1) : tag, module };
  }

  /**
   * The tenant whose fence this is, or the tenant and module; `undefined` for fences of tags, keys and
   * patterns, and for what is no fence.
   */
  parseFence(key: string): { tenant: string; module: string | undefined } | undefined {
    if (!key.startsWith(this.allFences()) || key === this.readers()) return undefined;
    const [tag, module, ...more] = key.slice(this.allFences().length).split(":");
    if (!tag || more.length > 0) return undefined;
    return { tenant: this.#hashTags ? tag.slice(1, -1) : tag, module };
  }

  /** What of this tenant a fence stands for; `undefined` for those of the toolkit's keys, and for what is no fence of it. */
  partOfFence(tenant: string, key: string): FencedPart | undefined {
    const own = this.fence(tenant);
    if (key === own) return { of: "tenant" };
    if (!key.startsWith(`${own}:`)) return undefined;
    const [first = "", ...more] = key.slice(own.length + 1).split(":");
    if (more.length === 0) return { of: "module", name: first };
    if (first !== "tag") return undefined;
    return more[0] === "-" ? { of: "any-tag" } : { of: "tag", name: more.join(":") };
  }

  #tag(tenant: string): string {
    return this.#hashTags ? `{${tenant}}` : tenant;
  }
}
