// What whoever asks may see and do, and the rule that everything else goes by.
// Tests: test/integration/operations-access.test.ts
import { requireTenantId, tenantId } from "../identifiers.js";
import type { ParsedAccess } from "../options/operations-options.js";

export class Access {
  readonly name: string;
  readonly mayPurge: boolean;
  readonly mayWarm: boolean;
  /** In the form that keys use; `"all"` for operators of the whole. */
  readonly tenants: "all" | ReadonlySet<string>;

  /** @throws TenantCacheError `ETC_TENANT_ID` where one of the ids is none @internal */
  constructor({ name, purge, warm, tenants }: ParsedAccess) {
    this.name = name;
    this.mayPurge = purge;
    this.mayWarm = warm;
    this.tenants =
      tenants === "all"
        ? "all"
        : new Set(tenants.map((id) => requireTenantId(id, "authorize of operations")));
  }

  get seesAll(): boolean {
    return this.tenants === "all";
  }

  /** The tenants of somebody who sees some only. */
  get own(): readonly string[] {
    return this.tenants === "all" ? [] : [...this.tenants];
  }

  sees(tenant: string): boolean {
    return this.tenants === "all" || this.tenants.has(tenant);
  }

  /**
   * The tenant that is asked about, in the form that keys use; `undefined` where it may not be seen, or where there
   * cannot be one of that name: the two are answered alike.
   */
  tenant(asked: unknown): string | undefined {
    const tenant = tenantId(asked);
    return tenant !== undefined && this.sees(tenant) ? tenant : undefined;
  }
}
