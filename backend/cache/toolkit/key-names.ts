// What may be a key of the toolkit, and the entry, fences and lease that it names.
import { LRUCache } from "lru-cache";
import { HandlerDurations } from "../engine/handler-durations.js";
import type { KeyedRef } from "../engine/keyed-entries.js";
import { TenantCacheError } from "../errors.js";
import type { KeySpace } from "../store/key-space.js";
import type { KeyRegistry } from "./key-registry.js";

const MAX_KEY_LENGTH = 512;
// The domain is named like a module, because invalidateCache(domain) reaches it. Empty parts are mostly ids that are missing.
const KEY = /^([a-z][a-z0-9_-]{0,63})(?::[^\s:*\p{C}]+)*$/u;
const PATTERN = /^[^\s\p{C}]+$/u;
/** How much longer than its entry a key's fence lives; alone, it must outlive the longest load. */
const FENCE_TTL_MS = 3_600_000;
const MAX_DOMAINS = 100;

/**
 * The domain of a key: its first part.
 * @throws TenantCacheError `ETC_KEY`
 */
export function domainOf(key: unknown): string {
  const domain = typeof key === "string" && key.length <= MAX_KEY_LENGTH ? KEY.exec(key)?.[1] : undefined;
  if (domain !== undefined) return domain;
  throw new TenantCacheError(
    "ETC_KEY",
    `${JSON.stringify(key)} is not a key: write parts joined by ":", the first a lower-case word, none empty or with white space or "*", as in "users:profile:42" (at most ${MAX_KEY_LENGTH} characters)`,
  );
}

/** @throws TenantCacheError `ETC_KEY` */
export function requirePattern(pattern: unknown): string {
  if (typeof pattern === "string" && pattern.length <= MAX_KEY_LENGTH && PATTERN.test(pattern))
    return pattern;
  throw new TenantCacheError(
    "ETC_KEY",
    `${JSON.stringify(pattern)} is not a pattern: write a key in which "*" stands for anything, as in "users:profile:*"`,
  );
}

export class KeyNames {
  readonly #keys: KeySpace;
  readonly #registry: KeyRegistry;
  readonly #maxEntries: number;
  readonly #waitMs: number;
  /** How long loads take, by domain. */
  readonly #durations = new LRUCache<string, HandlerDurations>({ max: MAX_DOMAINS });

  /** @param waitMs how long anybody waits for another's load at most */
  constructor(keys: KeySpace, registry: KeyRegistry, maxEntries: number, waitMs: number) {
    this.#keys = keys;
    this.#registry = registry;
    this.#maxEntries = maxEntries;
    this.#waitMs = waitMs;
  }

  /** @throws TenantCacheError `ETC_KEY` */
  ref(tenant: string, key: string): KeyedRef {
    const domain = domainOf(key);
    const keys = this.#keys;
    // Also where the key is named without its collection: one key is one entry, behind the same fences.
    const pattern = this.#registry.find(key);
    return {
      tenant,
      module: domain,
      key,
      entryKey: keys.keyed(tenant, key),
      leaseKey: keys.keyLease(tenant, key),
      identity: `${tenant} key ${key}`,
      fenceKeys: [
        keys.fence(tenant),
        keys.fence(tenant, domain),
        ...(pattern?.isSingle === false ? [keys.patternFence(tenant, pattern.text)] : []),
        keys.keyFence(tenant, key),
      ],
      settleMs: 0,
      maxStaleness: 0,
      maxEntries: this.#maxEntries,
      fenceTtlMs: FENCE_TTL_MS,
      durations: this.#durationsOf(domain),
    };
  }

  #durationsOf(domain: string): HandlerDurations {
    let durations = this.#durations.get(domain);
    if (!durations) {
      durations = new HandlerDurations(this.#waitMs);
      this.#durations.set(domain, durations);
    }
    return durations;
  }

  counter(tenant: string, key: string): string {
    domainOf(key);
    return this.#keys.counter(tenant, key);
  }

  lock(tenant: string, key: string): string {
    domainOf(key);
    return this.#keys.lock(tenant, key);
  }

  /** What is fenced off instead where keys that match cannot be looked for: the domain, or the tenant. */
  fenceAbove(tenant: string, pattern: string): string {
    const domain = KEY.exec(pattern.split(":")[0] ?? "")?.[1];
    return pattern.includes(":") && domain !== undefined
      ? this.#keys.fence(tenant, domain)
      : this.#keys.fence(tenant);
  }
}
