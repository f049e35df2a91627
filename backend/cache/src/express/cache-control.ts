// Cache-Control (RFC 9111 section 5.2): its directives, in requests and responses.
// Tests: test/unit/storability.test.ts

/** Directive names in lower case; those without an argument map to the empty string. */
export type Directives = ReadonlyMap<string, string>;

const DIRECTIVE = /([!#$%&'*+.^_`|~\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?/g;

const NONE: Directives = new Map();

export function parseCacheControl(header: string): Directives {
  if (header === "") return NONE;
  const directives = new Map<string, string>();
  for (const [, name = "", quoted, token] of header.matchAll(DIRECTIVE)) {
    // Where a directive comes twice the first one counts (section 4.2.1 lets a cache choose so).
    if (!directives.has(name.toLowerCase())) directives.set(name.toLowerCase(), quoted ?? token ?? "");
  }
  return directives;
}

/**
 * A delta-seconds argument (section 1.2.2); `undefined` where the directive is absent, 0 where its argument
 * is none.
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const argument = directives.get(name);
  if (argument === undefined) return undefined;
  return /^\d+$/.test(argument) ? Number(argument) : 0;
}
