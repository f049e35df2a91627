// Why requests are not looked up, or their answers not stored, and what to do about it, in a line each.
// Tests: test/unit/console-parts.test.ts
import type { BypassReason } from "../cache-status.js";

/** Details of `Cache-Status`; those that ask for nothing are left out. */
const TO_DO: Readonly<Partial<Record<BypassReason | string, string>>> = {
  "no-tenant": "the option tenant found nobody: mount cacheList behind authentication",
  "async-tenant": "the option tenant returned a promise: await the identity in middleware in front",
  "async-scope": "the function scope returned a promise: await what it needs in middleware in front",
  "mutation-no-tenant": "a mutation without a tenant has invalidated nothing: mount it behind authentication",
  "store-unavailable": "the store was away, or slower than budgetMs",
  "write-pending": "a mutation with guard: true is under way; if it lasts, its handler hangs",
  "no-module": "the path names no module: give cache.routes a module",
  scope: "the function scope returned no string",
  "vary-by": "the function varyBy threw, or returned no plain object",
  params: "a query parameter is not in params: declare it, or refuse it in front",
  query: "the function query returned more than data",
  "too-long": "path and query are too long",
  fragment: "the request target has a #, which no client sends",
  authority: "the Host is none that the option authority names",
  status: "the status is not in statuses",
  "no-store": "the handler says Cache-Control: no-store",
  "no-cache": "the handler says Cache-Control: no-cache: leave it away",
  private: "the handler says Cache-Control: private",
  "set-cookie": "the handler sets a cookie: set it in front of cacheList",
  vary: "the handler varies by a header that the route does not declare: name it in vary",
  "too-large": "the body is larger than maxBodyBytes, or than the tenant's share",
  "ttl-zero": "nothing is left of its life: see what the handler says of max-age",
  "should-store": "the function shouldStore said no, or threw",
  tags: "the function tags threw, or returned no tags",
  threw: "a function of the route threw: the log says which",
};

export function whatToDo(reason: string): string {
  return TO_DO[reason] ?? "nothing: it was asked for";
}

/** The one that was seen most. */
export function mostOf(reasons: Iterable<readonly [string, number]>): readonly [string, number] | undefined {
  return [...reasons].sort(([, one], [, other]) => other - one)[0];
}
