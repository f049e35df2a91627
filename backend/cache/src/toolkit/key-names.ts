// What a key of the toolkit names: its entry, fences and lease.
// Tests: test/integration/toolkit-values.test.ts

import { LRUCache } from "lru-cache";
import type { Advisor } from "../advice/advisor.js";
import { textHash } from "../advice/text-hash.js";
import { feedFenceOf } from "../engine/fences.js";
import { HandlerDurations } from "../engine/handler-durations.js";
import type { KeyedRef } from "../engine/keyed-entries.js";
import type { KnownModules } from "../misuse/known-modules.js";
import type { KeySpace } from "../store/key-space.js";
import type { KeyRegistry } from "./key-registry.js";
import { domainOf } from "./key-syntax.js";

/** How much longer than its entry a key's fence lives; alone, it must outlive the longest load. */
const FENCE_TTL_MS = 3_600_000;
const MAX_DOMAINS = 100;

export interface KeyNamesOptions {
  /** Of one tenant and domain. */
  readonly maxEntries: number;
  /** How long anybody waits for another's load at most. */
  readonly waitMs: number;
  readonly modules: KnownModules;
  readonly advisor: Advisor | undefined;
}

const NOT_ADVISED = {};

export class KeyNames {
  readonly #keys: KeySpace;
  readonly #registry: KeyRegistry;
  readonly #maxEntries: number;
  readonly #waitMs: number;
  readonly #modules: KnownModules;
  readonly #advisor: Advisor | undefined;
  /** How long loads take, by domain. */
  readonly #durations = new LRUCache<string, HandlerDurations>({ max: MAX_DOMAINS });

  /** @internal */
  constructor(keys: KeySpace, registry: KeyRegistry, options: KeyNamesOptions) {
    const { maxEntries, waitMs, modules, advisor } = options;
    this.#advisor = advisor;
    this.#keys = keys;
    this.#registry = registry;
    this.#maxEntries = maxEntries;
    this.#waitMs = waitMs;
    this.#modules = modules;
  }

  /** @throws TenantCacheError `ETC_KEY` */
  ref(tenant: string, key: string): KeyedRef {
    const domain = domainOf(key);
    this.#modules.usedByToolkit(domain);
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
        ...feedFenceOf(keys, [domain]),
        ...(pattern?.isSingle === false ? [keys.patternFence(tenant, pattern.text)] : []),
        keys.keyFence(tenant, key),
      ],
      settleMs: 0,
      maxStaleness: 0,
      maxEntries: this.#maxEntries,
      fenceTtlMs: FENCE_TTL_MS,
      durations: this.#durationsOf(domain),
      ...this.#advisedAs(tenant, domain, key),
    };
  }

  /** Nothing where nothing is sampled. */
  #advisedAs(tenant: string, domain: string, key: string): Pick<KeyedRef, "figures" | "sample"> {
    if (!this.#advisor) return NOT_ADVISED;
    return { figures: this.#advisor.values(domain), sample: textHash(`${tenant} ${key}`) >>> 1 };
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
}
