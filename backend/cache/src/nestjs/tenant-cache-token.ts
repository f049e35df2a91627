// The name under which Nest injects the cache.
// Tests: test/package/nest.test.ts
import { Inject } from "@nestjs/common";

/** Of the `TenantCache` that `TenantCacheModule` provides. */
export const TENANT_CACHE = Symbol.for("express-tenant-cache/nestjs");

/** Injects the cache: `constructor(@InjectTenantCache() private readonly cache: TenantCache) {}`. */
export const InjectTenantCache = (): ParameterDecorator & PropertyDecorator => Inject(TENANT_CACHE);
