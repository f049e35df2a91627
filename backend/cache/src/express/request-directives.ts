// Cache-Control of a request (RFC 9111 section 5.2.1), for routes that obey it.
// Tests: test/integration/decisions.test.ts
import type { IncomingHttpHeaders } from "node:http";
import type { Entry } from "../codec/entry.js";
import { parseCacheControl, secondsOf } from "./cache-control.js";
import { fieldOf } from "./request-fields.js";

export interface RequestDirectives {
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  /** The oldest creation time that the client accepts, milliseconds since the epoch. */
  readonly notBeforeMs: number;
  /** For how long the answer must stay fresh, seconds. */
  readonly minFreshSeconds: number;
}

export function requestDirectives(headers: IncomingHttpHeaders, nowMs: number): RequestDirectives {
  const directives = parseCacheControl(fieldOf(headers, "cache-control") ?? "");
  // Pragma counts only where there is no Cache-Control (section 5.4).
  const noCache =
    directives.has("no-cache") || (directives.size === 0 && fieldOf(headers, "pragma") === "no-cache");
  const maxAge = noCache ? 0 : secondsOf(directives, "max-age");
  return {
    noStore: directives.has("no-store"),
    onlyIfCached: directives.has("only-if-cached"),
    notBeforeMs: maxAge === undefined ? 0 : nowMs - maxAge * 1000,
    minFreshSeconds: secondsOf(directives, "min-fresh") ?? 0,
  };
}

/** Whether the client accepts this entry now. */
export function accepts(directives: RequestDirectives, entry: Entry, nowMs: number): boolean {
  return (
    entry.createdAt > directives.notBeforeMs && entry.staleAt - nowMs >= directives.minFreshSeconds * 1000
  );
}
