// The option `authority`, of the cache and of routes: whether answers depend on the host that they were asked for.
// Tests: test/integration/authority.test.ts
import * as z from "zod";
import { originOf } from "../origin.js";

/**
 * - `"key"`: part of the key, because answers may hold absolute links
 * - `"ignore"`: answers do not depend on it
 * - hosts: part of the key, and no other host is looked up
 */
export type AuthorityRule = "key" | "ignore" | readonly string[];

/** @internal */
export const authority = z.custom<AuthorityRule>((value) => isAuthorityRule(value), {
  error:
    'write "key" (answers may depend on the host; the default), "ignore" (they do not), or the hosts that the app answers to as requests name them, without scheme and path: ["api.example.com", "localhost"]',
});

function isAuthorityRule(value: unknown): boolean {
  if (!Array.isArray(value)) return value === "key" || value === "ignore";
  return value.length > 0 && value.every(isHost);
}

function isHost(value: unknown): boolean {
  return typeof value === "string" && originOf("http", value) !== undefined;
}
