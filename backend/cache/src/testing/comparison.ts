// Compares answers, and says where they differ.
// Tests: test/integration/verify-routes.test.ts
import type { Answer } from "./http-exchange.js";

/** What a check has found wrong. */
export class CheckFailure extends Error {}

export type Comparison = { readonly same: true } | { readonly same: false; readonly difference: string };

const EXCERPT_BYTES = 60;

export function compareBodies(
  actual: Answer,
  expected: Answer,
  normalize: ((body: string) => string) | undefined,
): Comparison {
  if (actual.status !== expected.status) {
    return { same: false, difference: `status ${actual.status} instead of ${expected.status}` };
  }
  const bytes = ({ body }: Answer) => (normalize ? Buffer.from(normalize(body.toString("utf8"))) : body);
  const [left, right] = [bytes(actual), bytes(expected)];
  if (left.equals(right)) return { same: true };
  const length = Math.min(left.length, right.length);
  let at = 0;
  while (at < length && left[at] === right[at]) at++;
  const around = (body: Buffer) => JSON.stringify(body.toString("utf8", at, at + EXCERPT_BYTES));
  const sizes = `${left.length} bytes instead of ${right.length}`;
  return {
    same: false,
    difference: `${sizes}; from byte ${at} on ${around(left)} instead of ${around(right)}`,
  };
}

// Of one connection or one moment, or the cache's own.
const NOT_COMPARED = new Set([
  "age",
  "cache-status",
  "connection",
  "content-length",
  "date",
  "keep-alive",
  "server-timing",
  "set-cookie",
  "transfer-encoding",
]);

/**
 * The names of headers that a cached answer lacks or has with another value. Headers that differ between the
 * two uncached answers, made before and after it, are those of each request (ids, rate limits) and do not
 * count.
 */
export function differingHeaders(
  cached: Answer,
  uncachedBefore: Answer,
  uncachedAfter: Answer,
): readonly string[] {
  return Object.keys(uncachedBefore.headers).filter((name) => {
    const value = String(uncachedBefore.headers[name]);
    if (NOT_COMPARED.has(name) || value !== String(uncachedAfter.headers[name])) return false;
    const actual = cached.headers[name];
    // The cache adds Accept-Encoding where it keeps compressed variants.
    if (name === "vary") return !includesAll(String(actual ?? ""), value);
    return String(actual) !== value;
  });
}

function includesAll(list: string, members: string): boolean {
  const names = (text: string) =>
    text
      .toLowerCase()
      .split(",")
      .map((name) => name.trim());
  const present = names(list);
  return names(members).every((name) => present.includes(name));
}
