// The caches that the library's tests run against: made of its sources.
import { cacheOpener } from "../../../servers/caches.js";
import { createTenantCache } from "../../src/index.js";

export { PATIENT, quiet, READY_WITHIN_MS, STORES, type StoreName } from "../../../servers/caches.js";

export const openCache = cacheOpener(createTenantCache);
