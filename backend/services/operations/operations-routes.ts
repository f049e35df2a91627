// /ops/cache-api: what the command line asks of the cache. Admins see their own tenant, superadmins all; nobody else is told anything.
// Tests: test/http/operations.test.ts
import { type RequestHandler, Router } from "express";
import type { CacheWarmer, OperationsAccess, TenantCache } from "express-tenant-cache";
import type { Auth } from "../../http/identity/auth.js";
import { assume, identify } from "../../http/identity/authenticate.js";
import type { Authenticator } from "../../http/identity/authenticator.js";

export interface OperationsRoutesOptions {
  readonly cache: Pick<TenantCache, "operations">;
  readonly authenticator: Authenticator;
  readonly warmer: CacheWarmer;
  /** Of requests, also of those with bad tokens. */
  readonly rateLimiter: RequestHandler;
}

export function operationsRouter(options: OperationsRoutesOptions): Router {
  const { cache, authenticator, warmer, rateLimiter } = options;
  const router = Router();
  router.use(identify(authenticator), rateLimiter);
  router.use(
    cache.operations({
      authorize: ({ auth }) => auth && accessOf(auth),
      warmer,
      // As the operator, in the tenant that is asked about.
      explainAs: ({ auth }, tenantId) =>
        auth ? { as: (explained) => assume(explained, { ...auth, ...(tenantId && { tenantId }) }) } : {},
    }),
  );
  return router;
}

function accessOf({ role, tenantId, subject, mustChangePassword }: Auth): OperationsAccess | false {
  if (mustChangePassword) return false;
  const may = { view: true, purge: true, warm: true, name: subject } as const;
  if (role === "superadmin") return { ...may, tenants: "all" };
  return role === "admin" && tenantId !== undefined && { ...may, tenants: [tenantId] };
}
