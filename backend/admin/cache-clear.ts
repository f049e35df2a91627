// Clears what is cached of a tenant, by replacing fences: every process misses at once, and what it reads now is not overtaken.
// Tests: test/faults/admin.test.ts
import { MODULES } from "../modules/index.js";
import { SERVICES } from "../services/index.js";
import { AdminError, type Outcome } from "./outcome.js";
import type { Admin } from "./recorded-command.js";

/** Modules of the REST API, and what services keep: the first segment of their keys. */
export const CACHED_MODULES: readonly string[] = [
  ...new Set([
    ...MODULES.map(({ name }) => name),
    ...SERVICES.flatMap(({ views }) => views.map(({ key }) => key.split(":", 1)[0] ?? key)),
  ]),
].sort();

/** @param modules none: all that the tenant has */
export async function clearCache(
  admin: Admin,
  tenantId: string,
  modules: readonly string[],
): Promise<Outcome> {
  if (!admin.config.redisCache) {
    throw new AdminError(
      "REDIS_CACHE_URL is not set: every process has a cache of its own, which a restart of it clears",
    );
  }
  const reach = await admin.reach();
  if (!(await reach.clear(tenantId, modules))) throw new AdminError(reach.missed().join("; "));
  const what = modules.length > 0 ? modules.join(", ") : "everything";
  return {
    changed: true,
    tenantId,
    lines: [`cleared ${what} of tenant ${tenantId}: the store has confirmed`],
    data: { tenant: { id: tenantId }, modules: modules.length > 0 ? modules : null, confirmed: true },
  };
}
