// Fills the store as fills of requests do, by the same script with all its books, but without a request for each of millions.
import { createHash } from "node:crypto";
import type { CacheEngine } from "../src/engine/cache-engine.js";
import { tenantName, Zipf } from "./scale-population.js";
import { MAX_ENTRIES, MAX_TENANT_BYTES, MODULES } from "./scale-terms.js";

/** What the control `fill` is asked for: some of the tenants, up to their share of all entries. */
export interface FillQuestion {
  readonly entries: number;
  readonly tenants: number;
  /** Every `of`-th tenant, from the `from`-th on. */
  readonly from: number;
  readonly of: number;
}

const VALUE = Buffer.alloc(200, "v");
const TOGETHER = 64;
const HOUR_MS = 3_600_000;

/** @param filled how many each tenant has already: the next question goes on from there */
export async function fillTenants(
  engine: CacheEngine,
  { entries, tenants, from, of }: FillQuestion,
  filled: Map<string, number>,
): Promise<number> {
  const zipf = new Zipf(tenants);
  let stored = 0;
  for (let index = from; index < tenants; index += of) {
    const tenant = tenantName(index);
    const wanted = Math.max(1, Math.round(entries * zipf.share(index)));
    const begun = filled.get(tenant) ?? 0;
    stored += await fillTenant(engine, tenant, begun, wanted);
    filled.set(tenant, Math.max(begun, wanted));
  }
  return stored;
}

async function fillTenant(
  { store, keys }: CacheEngine,
  tenant: string,
  begun: number,
  wanted: number,
): Promise<number> {
  let stored = 0;
  for (const [at, module] of MODULES.entries()) {
    const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module)];
    let fences: readonly string[] | undefined;
    let pending: Promise<unknown>[] = [];
    for (let index = begun; index < wanted; index++) {
      if (index % MODULES.length !== at) continue;
      const entryKey = keys.entry(tenant, module, createHash("md5").update(String(index)).digest("hex"));
      fences ??= (await store.beginFill({ entryKey, fenceKeys, fenceTtlMs: HOUR_MS })).fences;
      const commit = { tenant, module, entryKey, value: [VALUE], ttlMs: HOUR_MS + (index % HOUR_MS) };
      const bounds = { maxEntries: MAX_ENTRIES, maxTenantBytes: MAX_TENANT_BYTES };
      pending.push(store.commitFill({ ...commit, ...bounds, fenceKeys, fences, fenceTtlMs: HOUR_MS }));
      stored++;
      if (pending.length === TOGETHER) {
        await Promise.all(pending);
        pending = [];
      }
    }
    await Promise.all(pending);
  }
  return stored;
}
