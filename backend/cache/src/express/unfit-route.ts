// What a route cannot be mounted with, because nothing would come of it, or too much.
// Tests: test/unit/refusals/http-options.test.ts, test/integration/cache-routes.test.ts
import { TenantCacheError } from "../errors.js";
import { refuseIdlePlaces } from "../options/fill-option.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { HttpServices } from "./http-services.js";

/**
 * @param call the call that mounts it
 * @param module absent where it stands for many
 * @throws TenantCacheError `ETC_OPTIONS`, and what says that a package is not installed
 */
export function refuseUnfit(
  http: HttpServices,
  route: ParsedRouteOptions,
  call: string,
  module?: string,
): void {
  const { options } = http;
  refuseIdlePlaces(call, route.fill, options.fill.maxConcurrent);
  // Without a scope of the user's own, what is for one user would be shown to all of a tenant.
  if (route.privateResponses === "scope" && typeof (route.scope ?? options.scope) !== "function") {
    throw new TenantCacheError(
      "ETC_OPTIONS",
      `${call}: privateResponses is "scope", and ${module === undefined ? "there is" : `module ${module} has`} no scope: write { privateResponses: "scope", scope: (req) => req.auth.userId }`,
    );
  }
  // Made now, so that a package that it needs and that is not installed is named when the route is mounted.
  if (route.staleWhileRevalidate > 0) void http.refresher;
}
