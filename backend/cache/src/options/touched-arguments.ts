// The arguments of `touched`: a module and tags, or an object that names the tenant as well.
// Tests: test/unit/refusals/touched.test.ts
import * as z from "zod";
import { TenantCacheError } from "../errors.js";
import { moduleName, requireTenantId, tagName } from "../identifiers.js";
import { moduleNames, parse, registerCall } from "./parse.js";

/** What has been changed. At least one module or tag. */
export interface Touched {
  /** Whose it is. Default: the tenant of the request in which `touched` is called. */
  readonly tenant?: string;
  readonly modules?: readonly string[];
  /** Everything that carries one of these tags. */
  readonly tags?: readonly string[];
}

const EXAMPLE = 'touched({ tenant: order.tenantId, modules: ["orders"] })';

/** @internal */
const touchedSchema = z.strictObject({
  tenant: z
    .string()
    .describe("a tenant's id, a string")
    .transform((id) => requireTenantId(id, "touched"))
    .optional(),
  modules: moduleNames.default([]),
  tags: z.array(z.string()).describe('tags such as ["order-17"]').default([]),
});

registerCall("touched", EXAMPLE, touchedSchema);
/** @internal */
export interface ParsedTouched {
  readonly tenant?: string | undefined;
  readonly modules: readonly string[];
  readonly tags: readonly string[];
}

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_MODULE_NAME`, `ETC_TENANT_ID`, `ETC_TAG`, `ETC_ARGUMENTS`
 * @internal
 */
export function parseTouched(args: readonly unknown[]): ParsedTouched {
  const [first, ...tags] = args;
  if (typeof first !== "object" || first === null)
    return { modules: [moduleName(first, "touched")], tags: tags.map(tagName) };
  if (tags.length > 0)
    throw new TenantCacheError(
      "ETC_ARGUMENTS",
      `touched takes a module and tags, or one object: write touched("orders", "order-17") or ${EXAMPLE}`,
    );
  const parsed = parse("touched", touchedSchema, first);
  if (parsed.modules.length + parsed.tags.length > 0) return { ...parsed, tags: parsed.tags.map(tagName) };
  throw new TenantCacheError("ETC_OPTIONS", `touched: name at least one module or tag, as in ${EXAMPLE}`);
}
