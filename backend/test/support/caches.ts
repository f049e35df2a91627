// The caches that the CRM's tests run against: made of the package.
import { createTenantCache, type TenantCache, type TenantCacheOptions } from "express-tenant-cache";
import { inUse, optionsFor, type StoreName } from "../../servers/test-caches.js";

export { PATIENT, quiet, READY_WITHIN_MS, STORES, type StoreName } from "../../servers/test-caches.js";

/** Opens a cache in use, whose tenant is the request header `x-tenant`. */
export async function openCache(
  store: StoreName,
  options: Partial<TenantCacheOptions> = {},
): Promise<TenantCache> {
  return inUse(createTenantCache({ ...(await optionsFor(store)), ...options }));
}
