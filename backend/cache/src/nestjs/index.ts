// `express-tenant-cache/nestjs`: the cache in applications of Nest. Exports only.
export { Cached, Invalidates } from "./decorators.js";
export { TenantCacheModule } from "./tenant-cache-module.js";
export { InjectTenantCache, TENANT_CACHE } from "./tenant-cache-token.js";
