// What may be called a module, a tenant or a tag: everything that becomes part of a key is checked here.
import type { Request } from "express";
import { TenantCacheError } from "./errors.js";

const MODULE_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
// No ":" (separates key parts), no "*?[]\" (SCAN patterns), no "{}" (Cluster hash tags), no white space or control characters.
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;
const TAG = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/**
 * Returns the module name, or throws.
 * @throws TenantCacheError `ETC_MODULE_NAME`
 */
export function moduleName(name: unknown): string {
  if (typeof name === "string" && MODULE_NAME.test(name)) return name;
  throw new TenantCacheError(
    "ETC_MODULE_NAME",
    `${JSON.stringify(name)} is not a module name: write a lower-case word such as "accounts" (a-z, 0-9, "_", "-", at most 64 characters)`,
  );
}

/**
 * The tenant id as it appears in keys, or `undefined` where it is none: the caller then bypasses the cache, it never
 * shares a key. UUIDs are case-insensitive (RFC 9562 section 4), so they are lower-cased: otherwise an invalidation
 * written in capitals would miss the entries.
 */
export function tenantId(id: unknown): string | undefined {
  if (typeof id !== "string" || !TENANT_ID.test(id)) return undefined;
  return UUID.test(id) ? id.toLowerCase() : id;
}

/**
 * Like {@link tenantId}, for calls that name a tenant and must not silently do nothing.
 * @throws TenantCacheError `ETC_TENANT_ID`
 */
export function requireTenantId(id: unknown): string {
  const tenant = tenantId(id);
  if (tenant !== undefined) return tenant;
  throw new TenantCacheError(
    "ETC_TENANT_ID",
    `${JSON.stringify(id)} is not a tenant id: pass a UUID or another id of letters, digits, ".", "_", "@", "-" (at most 128)`,
  );
}

/**
 * Returns the tag, or throws.
 * @throws TenantCacheError `ETC_TAG`
 */
export function tagName(tag: unknown): string {
  if (typeof tag === "string" && TAG.test(tag)) return tag;
  throw new TenantCacheError(
    "ETC_TAG",
    `${JSON.stringify(tag)} is not a tag: use letters, digits, ".", "_", "@", "-" (at most 128), for example "account-42"`,
  );
}

/** @throws TenantCacheError `ETC_TAG` */
export function tagsOf(
  tags: ((req: Request) => readonly string[]) | undefined,
  req: Request,
): readonly string[] {
  return tags ? tags(req).map(tagName) : [];
}
