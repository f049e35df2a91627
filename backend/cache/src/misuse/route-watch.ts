// Mistakes of a cached route that leak or that never hit: told when it is mounted, or when its first requests show them.
// Tests: test/integration/misuse.test.ts, test/integration/misuse-values.test.ts
import { declaredOf, type ParsedRouteOptions } from "../options/route-options.js";
import type { Misuse } from "./misuse.js";

/** Requests in a row without a tenant after which it is no accident. */
const TENANTLESS_REQUESTS = 20;

/** Watches the requests of a route until they have shown that it is mounted rightly. */
export class RouteWatch {
  readonly #misuse: Misuse;
  readonly #module: string;
  readonly #dependsOn: readonly string[];
  #tenantless = 0;
  #hadTenant = false;
  #dependsRightly: boolean;

  constructor(misuse: Misuse, module: string, options: ParsedRouteOptions) {
    this.#misuse = misuse;
    this.#module = module;
    this.#dependsOn = declaredOf(options);
    this.#dependsRightly = this.#dependsOn.length === 0;
  }

  /**
   * A route whose requests never have a tenant is most often mounted before what authenticates them. Returns
   * whether it need be watched.
   */
  lookedUp(hasTenant: boolean): boolean {
    this.#dependsRightly ||= this.#misuse.modules.reliedOn(this.#module, this.#dependsOn);
    this.#hadTenant ||= hasTenant;
    if (!this.#hadTenant && !this.#misuse.returned.hasWrongTenants) this.#tenantless++;
    if (this.#tenantless === TENANTLESS_REQUESTS && !this.#hadTenant) {
      this.#misuse.advice.tell(
        `module ${this.#module}: none of the first ${TENANTLESS_REQUESTS} requests had a tenant, so none was cached: mount cacheList after authentication, and check the tenant option`,
      );
    }
    return !this.#dependsRightly || !this.#hadTenant;
  }
}
