// `cache.causes`: what has invalidated something of a tenant.
// Tests: test/integration/causes.test.ts
import * as z from "zod";
import type { CacheEngine } from "../engine/cache-engine.js";
import type { Cause } from "../engine/cause-text.js";
import { requireTenantId, type TenantId } from "../identifiers.js";
import { refuseSurplus } from "../options/arguments.js";
import { parse, positiveInt, registerCall } from "../options/parse.js";

export interface CausesQuery {
  readonly tenant: TenantId;
  /** Only what concerns this module: also what has invalidated all that the tenant has. */
  readonly module?: string;
  /** The most. Default 100. */
  readonly limit?: number;
}

/**
 * What has invalidated something of a tenant in the last 24 hours, the newest first, in all processes. Empty where
 * the store is away, keeps no causes, or may not.
 *
 * @throws TenantCacheError `ETC_TENANT_ID`, `ETC_OPTIONS`, `ETC_ARGUMENTS`
 */
export type ReadCauses = (query: CausesQuery) => Promise<readonly Cause[]>;

/** As many as are kept by default. */
const ALL = 1000;

/** @internal */
const querySchema = z.strictObject({
  tenant: z.union([z.string(), z.number(), z.bigint()]).describe("a tenant's id"),
  module: z.string().optional(),
  limit: positiveInt.max(100_000).default(100),
});

registerCall("causes", "causes({ tenant: tenantId, limit: 20 })", querySchema);

/** @internal */
export function createCauses(engine: CacheEngine): ReadCauses {
  return async (given, ...surplus: unknown[]) => {
    refuseSurplus("causes", surplus, 'one object: causes({ tenant, module: "accounts" })');
    const { tenant, module, limit } = parse("causes", querySchema, given);
    const id = requireTenantId(tenant, "causes");
    if (module === undefined) return engine.causes.read(id, limit);
    const all = await engine.causes.read(id, Math.max(limit, ALL));
    return all.filter(({ modules, everything }) => everything || modules.includes(module)).slice(0, limit);
  };
}
