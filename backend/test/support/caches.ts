// The caches that the CRM's tests run against: made of the package.
import { createTenantCache } from "express-tenant-cache";
import { cacheOpener } from "../../servers/caches.js";

export { PATIENT, quiet, READY_WITHIN_MS, STORES, type StoreName } from "../../servers/caches.js";

export const openCache = cacheOpener(createTenantCache);
