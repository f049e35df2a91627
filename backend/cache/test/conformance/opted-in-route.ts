// How the route of a conformance test opts in to the cache: with what the responses of that test declare.
import type { SuiteRequest } from "http-cache-tests/tests/index.mjs";
import type { CacheListOptions } from "../../src/index.js";

const MAX_TTL_SECONDS = 30 * 86_400;

/**
 * What a developer who knows the handler's responses would write. `undefined`, no opt-in, where none of them says anything about
 * caching. A lifetime that is zero or no lifetime opts in with the default TTL: that it forbids reuse, the library has to see.
 */
export function optedInRoute(requests: readonly SuiteRequest[]): CacheListOptions | undefined {
  const values = (name: string) =>
    requests.flatMap(({ response_headers = [] }) =>
      response_headers.filter(([header]) => header.toLowerCase() === name).map(([, value]) => value),
    );
  const cacheControl = values("cache-control");
  const expires = values("expires");
  if (cacheControl.length + expires.length === 0) return undefined;
  const lifetimes = [...cacheControl.flatMap(lifetimesIn), ...expires.map(secondsFromNow)];
  const longest = Math.max(0, ...lifetimes.filter(Number.isFinite));
  return {
    ...(longest > 0 && { ttlSeconds: Math.min(longest, MAX_TTL_SECONDS) }),
    vary: [...new Set(values("vary").flatMap(namesIn))],
    statuses: [...new Set([200, ...requests.flatMap(({ response_status: [status] = [200] }) => status)])],
  };
}

function lifetimesIn(cacheControl: string | number): number[] {
  return [...String(cacheControl).matchAll(/(?:s-maxage|max-age)\s*=\s*"?(\d+)/gi)].map(([, seconds]) =>
    Number(seconds),
  );
}

function secondsFromNow(expires: string | number): number {
  return typeof expires === "number" ? expires : Math.floor((Date.parse(expires) - Date.now()) / 1000);
}

/** `*` cannot be declared: no header is called so. */
function namesIn(vary: string | number): string[] {
  return String(vary)
    .split(",")
    .map((name) => name.trim())
    .filter((name) => /^[\w-]+$/.test(name));
}
