// What a purge is about: of one tenant or of all, by module, tag or URL. What contradicts itself is refused before anything is asked.
// Tests: test/unit/cli-targets.test.ts
import { moduleName, requireTenantId, tagName } from "../identifiers.js";
import { printable } from "../printable.js";
import { wrongArguments } from "./exit-codes.js";

export interface PurgeOptions {
  readonly tenant?: string | undefined;
  readonly module?: readonly string[] | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly url?: string | undefined;
  readonly everything?: boolean | undefined;
  readonly reason?: string | undefined;
  readonly yes?: boolean | undefined;
  readonly actor?: string | undefined;
}

/** Names as in the app's operations. */
export type PurgeScope =
  | { readonly kind: "modules"; readonly tenant: string; readonly modules: readonly string[] }
  | { readonly kind: "tags"; readonly tenant: string; readonly tags: readonly string[] }
  | { readonly kind: "url"; readonly tenant: string; readonly url: string }
  | { readonly kind: "tenant"; readonly tenant: string }
  | { readonly kind: "module-everywhere"; readonly modules: readonly string[] }
  | { readonly kind: "everything" };

/** As long as what a cause keeps of it. */
const MOST_REASON = 200;

/** @throws TenantCacheError `ETC_CLI_ARGUMENTS`, `ETC_TENANT_ID`, `ETC_MODULE_NAME`, `ETC_TAG` */
export function purgeScope(options: PurgeOptions): PurgeScope {
  const { module: modules = [], tag: tags = [], url, everything } = options;
  requireReason(options);
  const tenant = options.tenant === undefined ? undefined : requireTenantId(options.tenant, "purge");
  for (const name of modules) moduleName(name, "purge");
  for (const name of tags) tagName(name);
  const named = [
    modules.length > 0 && "--module",
    tags.length > 0 && "--tag",
    url !== undefined && "--url",
  ].filter(Boolean);
  if (named.length > 1)
    throw wrongArguments(`purge: ${named.join(" and ")} together: write a purge for each`);
  if (everything) {
    if (tenant !== undefined || named.length > 0)
      throw wrongArguments(
        "purge: --everything is of all tenants and modules: leave --tenant and the others out, or --everything",
      );
    return { kind: "everything" };
  }
  if (tenant === undefined) {
    if (modules.length > 0) return { kind: "module-everywhere", modules };
    if (named.length > 0) throw wrongArguments(`purge: ${named[0]} needs --tenant`);
    throw wrongArguments(
      "purge: write what: --tenant acme, with --module, --tag or --url; --module accounts alone is of all tenants; --everything is all",
    );
  }
  if (modules.length > 0) return { kind: "modules", tenant, modules };
  if (tags.length > 0) return { kind: "tags", tenant, tags };
  if (url === undefined) return { kind: "tenant", tenant };
  if (!/^(?:https?:\/\/[^/?#]+)?\//i.test(url))
    throw wrongArguments(
      'purge: --url is a path with its query, as --url "/accounts?page=2"; without a query it is all of its queries',
    );
  return { kind: "url", tenant, url };
}

function requireReason({ yes, reason }: PurgeOptions): void {
  const text = reason?.trim() ?? "";
  if (yes && text.length < 3)
    throw wrongArguments(
      'purge --yes needs --reason, which is kept with the purge: --reason "prices were wrong"',
    );
  if (text.length > MOST_REASON)
    throw wrongArguments(`purge: --reason has more than ${MOST_REASON} characters`);
}

export function scopeText(scope: PurgeScope): string {
  const list = (names: readonly string[]) => names.map(printable).join(", ");
  switch (scope.kind) {
    case "everything":
      return "everything, of all tenants";
    case "module-everywhere":
      return `${list(scope.modules)}, of all tenants`;
    case "tenant":
      return `all of tenant ${printable(scope.tenant)}`;
    case "modules":
      return `${list(scope.modules)} of tenant ${printable(scope.tenant)}`;
    case "tags":
      return `what carries ${scope.tags.map((tag) => `tag ${printable(tag)}`).join(" or ")}, of tenant ${printable(scope.tenant)}`;
    case "url":
      return `${printable(scope.url)} of tenant ${printable(scope.tenant)}`;
  }
}
