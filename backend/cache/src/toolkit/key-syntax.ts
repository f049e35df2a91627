// What may be a key of the toolkit, and a pattern of keys.
// Tests: test/unit/refusals/toolkit-options.test.ts, test/unit/key-registry.test.ts
import { TenantCacheError } from "../errors.js";
import { shown } from "../shown.js";

const MAX_KEY_LENGTH = 512;
// The domain is named like a module, because invalidateCache(domain) reaches it. Empty parts are mostly ids
// that are missing.
export const KEY = /^([a-z][a-z0-9_-]{0,63})(?::[^\s:*\p{C}]+)*$/u;
const PATTERN = /^[^\s\p{C}]+$/u;

/**
 * The domain of a key: its first part.
 * @throws TenantCacheError `ETC_KEY`
 */
export function domainOf(key: unknown): string {
  const domain = typeof key === "string" && key.length <= MAX_KEY_LENGTH ? KEY.exec(key)?.[1] : undefined;
  if (domain !== undefined) return domain;
  throw notAKey(key);
}

/** @throws TenantCacheError `ETC_KEY` for what is no string */
export function requireKey(key: unknown): string {
  if (typeof key === "string") return key;
  throw notAKey(key);
}

/** What `encodeURIComponent` can write as a part of a key: it refuses half a surrogate pair. */
export function isPartText(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.isWellFormed();
}

function notAKey(key: unknown): TenantCacheError {
  return new TenantCacheError(
    "ETC_KEY",
    `the key is ${shown(key)}: write ${Array.isArray(key) ? "one key after the other, each of " : ""}parts joined by ":", the first a lower-case word, none empty or with white space or "*", as in "users:profile:42" (at most ${MAX_KEY_LENGTH} characters)`,
  );
}

/** @throws TenantCacheError `ETC_KEY` */
export function requirePattern(pattern: unknown): string {
  if (typeof pattern === "string" && pattern.length <= MAX_KEY_LENGTH && PATTERN.test(pattern))
    return pattern;
  throw new TenantCacheError(
    "ETC_KEY",
    `the pattern is ${shown(pattern)}: write a key in which "*" stands for anything, as in "users:profile:*"`,
  );
}
