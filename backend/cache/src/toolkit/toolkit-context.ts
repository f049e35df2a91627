// What every space and collection of a cache shares.
// Tests: test/integration/toolkit-values.test.ts
import type { Origin } from "../cause-origin.js";
import type { CacheEngine } from "../engine/cache-engine.js";
import { TenantCacheError } from "../errors.js";
import { isModuleName } from "../identifiers.js";
import type { Misuse } from "../misuse/misuse.js";
import type { TtlPreset } from "../ttl-presets.js";
import type { KeyNames } from "./key-names.js";
import { domainOf, requirePattern } from "./key-syntax.js";
import type { KeyedCache } from "./keyed-cache.js";
import type { Locks } from "./locks.js";
import type { StateCounters } from "./state-counters.js";

/** @internal */
export interface ToolkitContext {
  readonly engine: CacheEngine;
  readonly names: KeyNames;
  readonly cache: KeyedCache;
  readonly locks: Locks;
  readonly counters: StateCounters;
  readonly ttl: TtlPreset;
  readonly misuse: Misuse;
  /** Whether the cache has the option `encryption`. */
  readonly isEncrypted: boolean;
  /** Whoever does what is done now by a call, as far as it is known. */
  originOf(call: string): Origin;
}

/** What a removal by pattern did. */
export interface PatternDeletion {
  /** Entries and counters that were there. */
  readonly removed: number;
  /**
   * False where the store is away: the whole domain is then cut off before this process trusts the store
   * again.
   */
  readonly confirmed: boolean;
}

/**
 * @throws TenantCacheError `ETC_KEY`
 * @internal
 */
export async function deleteKeys(
  { cache }: ToolkitContext,
  tenant: string,
  keys: readonly string[],
): Promise<boolean> {
  const domains = new Map<string, string[]>();
  for (const key of keys) {
    const domain = domainOf(key);
    domains.set(domain, [...(domains.get(domain) ?? []), key]);
  }
  const removals = [...domains].map(([domain, names]) => cache.remove(tenant, domain, names));
  return (await Promise.all(removals)).every(Boolean);
}

/**
 * @param call what users know it by
 * @throws TenantCacheError `ETC_KEY`
 * @internal
 */
export async function deleteMatching(
  { engine, originOf }: ToolkitContext,
  tenant: string,
  pattern: string,
  call: string,
): Promise<PatternDeletion> {
  requirePattern(pattern);
  const [domain] = pattern.split(":");
  const module = isModuleName(domain) ? domain : undefined;
  return engine.keyed.removeMatching({ tenant, module, pattern }, originOf(call));
}

/**
 * @throws TenantCacheError `ETC_OPTIONS` where what is kept would not be encrypted
 * @internal
 */
export function demandEncryption(context: ToolkitContext, where: string, encrypt: boolean): void {
  if (!encrypt || context.isEncrypted) return;
  throw new TenantCacheError(
    "ETC_OPTIONS",
    `${where}: encrypt needs keys: pass encryption: { keys: [{ id, secret }] } to createTenantCache, which encrypts all that is stored`,
  );
}
