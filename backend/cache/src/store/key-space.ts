// The names of all keys: one place that writes them and reads them back.
// Tests: test/unit/key-space.test.ts, test/integration/redis-connection.test.ts, test/integration/tenant-inventory.test.ts

const ANY_TAG = "-";

/** The part of a tenant's data that a fence stands for. */
export type FencedPart =
  | { readonly of: "tenant" }
  | { readonly of: "module" | "tag"; readonly name: string }
  /** Replaced with every tag's: see `engine/answer-tags.ts`. */
  | { readonly of: "any-tag" };

/** Where the feed's epoch and token are: see `docs/internals/feed.md`. */
export interface FeedPair {
  readonly epoch: string;
  readonly token: string;
}

/**
 * Builds keys below one prefix. On Redis Cluster the tenant is the hash tag, so that one tenant's keys share
 * a slot.
 */
export class KeySpace {
  readonly prefix: string;
  /** Modules whose entries depend on the feed. @internal */
  coveredModules: ReadonlySet<string> = new Set();
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
    return this.tagFence(tenant, ANY_TAG);
  }

  isAnyTagFence(key: string): boolean {
    if (!key.startsWith(this.allFences())) return false;
    const [, kind, name, ...more] = key.slice(this.allFences().length).split(":");
    return kind === "tag" && name === ANY_TAG && more.length === 0;
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

  /** Where a value waits for the script that stores it: see `commit-call.ts`. */
  parked(tenant: string, token: string): string {
    return `${this.prefix}parked:${this.#tag(tenant)}:${token}`;
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

  /** The channel on which processes tell each other what they have invalidated. */
  invalidated(): string {
    return `${this.prefix}invalidated`;
  }

  /** What has replaced the tenant's fences. */
  causes(tenant: string): string {
    return `${this.prefix}causes:${this.#tag(tenant)}`;
  }

  /** What each tenant holds beyond its reservation, and all of them together. */
  pool(): string {
    return `${this.prefix}pool`;
  }

  /** What entries of covered modules carry. On a Cluster it stands for that of {@link feedPair}. @internal */
  get feedEpoch(): string {
    return `${this.prefix}feed:epoch`;
  }

  /** The epoch again, while it is known that nothing has been missed. @internal */
  get feedToken(): string {
    return `${this.prefix}feed:token`;
  }

  /** On one part of a Cluster. @internal */
  feedPair(tag: string): FeedPair {
    return { epoch: `${this.prefix}feed:{${tag}}:epoch`, token: `${this.prefix}feed:{${tag}}:token` };
  }

  /** What the drain keeps. @internal */
  feed(part: "state" | "lease" | "wanted" | "notes"): string {
    return `${this.prefix}feed:${this.#tag("drain")}:${part}`;
  }

  /** There for as long as no process walks through all keys again. */
  walkRest(): string {
    return `${this.prefix}sweep:rest`;
  }

  /** The last inventory, for all processes. Begins as the keys of sweeps do: who may use those may use it. */
  inventoryNote(): string {
    return `${this.prefix}sweep:inventory`;
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

  /** Whether entries of one of these modules depend on the feed. @internal */
  covers(modules: readonly string[]): boolean {
    return modules.some((module) => this.coveredModules.has(module));
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

  /** Whose fence this is; `undefined` for what is no fence. */
  tenantOfFence(key: string): string | undefined {
    if (!key.startsWith(this.allFences()) || key === this.readers()) return undefined;
    const [tag = ""] = key.slice(this.allFences().length).split(":", 1);
    return this.#hashTags ? tag.slice(1, -1) : tag;
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
