// What may be called a module, a tenant or a tag: everything that becomes part of a key is checked here.
// Tests: test/unit/refusals/http-options.test.ts, test/unit/refusals/toolkit-options.test.ts
import type { Request } from "express";
import { TenantCacheError } from "./errors.js";
import { isThenable, shown } from "./shown.js";
import { asError } from "./thrown.js";

const MODULE_NAME = /^[a-z][a-z0-9_-]{0,63}$/;
// No ":" (separates key parts), no "*?[]\" (SCAN patterns), no "{}" (Cluster hash tags), no white space or
// control characters.
const TENANT_ID = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;
const TAG = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const MODULE_NAME_LETTERS = 'a-z, 0-9, "_", "-", the first a letter, at most 64 characters';
export const ID_FORM = 'letters, digits, ".", "_", "@", "-", the first a letter or digit, at most 128';

/** A number is the same tenant as its text. */
export type TenantId = string | number | bigint;

export function isModuleName(name: unknown): name is string {
  return typeof name === "string" && MODULE_NAME.test(name);
}

/** What to write instead of what is no module name. */
export function moduleNameAdvice(name: unknown): string {
  if (Array.isArray(name)) return 'write the names one after the other, as in "accounts", "contacts"';
  const near = typeof name === "string" ? name.toLowerCase().replaceAll(/[^a-z0-9_-]+/g, "-") : "";
  const example = MODULE_NAME.test(near) ? `"${near}"` : 'a lower-case word such as "accounts"';
  return `write ${example} (${MODULE_NAME_LETTERS})`;
}

/**
 * Returns the module name, or throws.
 * @throws TenantCacheError `ETC_MODULE_NAME`
 */
export function moduleName(name: unknown, where: string): string {
  if (isModuleName(name)) return name;
  throw new TenantCacheError(
    "ETC_MODULE_NAME",
    `${where}: the module is ${shown(name)}: ${moduleNameAdvice(name)}`,
  );
}

/**
 * The tenant id as it appears in keys, or `undefined` where it is none: the caller then bypasses the cache,
 * it never shares a key. Whole numbers are the tenant that their text is, because database drivers return one
 * id as either. UUIDs are case-insensitive (RFC 9562 section 4), so they are lower-cased: otherwise
 * an invalidation written in capitals would miss the entries.
 */
export function tenantId(id: unknown): string | undefined {
  const text = isNumber(id) ? String(id) : id;
  if (typeof text !== "string" || !TENANT_ID.test(text)) return undefined;
  return UUID.test(text) ? text.toLowerCase() : text;
}

/** Whole, and not so large that two of them are one. */
function isNumber(id: unknown): id is number | bigint {
  return typeof id === "bigint" || Number.isSafeInteger(id);
}

/**
 * Like {@link tenantId}, for calls that name a tenant and must not silently do nothing.
 * @throws TenantCacheError `ETC_TENANT_ID`
 */
export function requireTenantId(id: unknown, where: string): string {
  const tenant = tenantId(id);
  if (tenant !== undefined) return tenant;
  throw new TenantCacheError("ETC_TENANT_ID", `${where}: the tenant id is ${shown(id)}: ${idAdvice(id)}`);
}

/** What to write, or to return, instead of what is no tenant id. */
export function idAdvice(id: unknown): string {
  if (isThenable(id)) return "await it first";
  if (typeof id === "object" && id !== null && "id" in id) return "write its id";
  return `write a UUID or another id of ${ID_FORM}`;
}

export function isTag(tag: unknown): tag is string {
  return typeof tag === "string" && TAG.test(tag);
}

/**
 * Returns the tag, or throws.
 * @throws TenantCacheError `ETC_TAG`
 */
export function tagName(tag: unknown): string {
  if (isTag(tag)) return tag;
  throw new TenantCacheError("ETC_TAG", `the tag is ${shown(tag)}: ${tagAdvice(tag)}`);
}

function tagAdvice(tag: unknown): string {
  if (Array.isArray(tag)) return 'write tags one after the other, as in "account-42", "contact-7"';
  const near = typeof tag === "string" ? tag.replaceAll(/[^A-Za-z0-9._@-]+/g, "-") : "";
  if (isNumber(tag)) return `write "account-${tag}" (${ID_FORM})`;
  return TAG.test(near) ? `write "${near}" (${ID_FORM})` : `write ${ID_FORM}`;
}

/** @throws TenantCacheError `ETC_TAG` where the function returns no array of tags */
export function tagsOf(
  tags: ((req: Request) => readonly string[]) | undefined,
  req: Request,
): readonly string[] {
  if (!tags) return [];
  const returned: unknown = called(tags, req);
  if (Array.isArray(returned)) return returned.map(tagName);
  // Nobody else waits for it.
  if (isThenable(returned)) returned.then(undefined, () => undefined);
  throw new TenantCacheError(
    "ETC_TAG",
    `the tags function returned ${shown(returned)}: return an array of strings at once, [] where there are none`,
  );
}

function called(tags: (req: Request) => unknown, req: Request): unknown {
  try {
    return tags(req);
  } catch (error) {
    throw asError(error);
  }
}
