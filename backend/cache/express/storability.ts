// Whether a response may be stored (RFC 9111 section 3, as a shared cache that its routes opt into), and for how long.
import type { OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import { parseCacheControl, secondsOf } from "./cache-control.js";
import { addedVary } from "./recorded-headers.js";

export interface StorabilityRules {
  readonly statuses: readonly number[];
  /** Lower case. */
  readonly vary: readonly string[];
  readonly ttlSeconds: number;
}

export type Storability =
  | {
      readonly storable: true;
      readonly ttlSeconds: number;
      /** How old the handler says that the response already is. */
      readonly ageSeconds: number;
      /** The handler forbids serving it stale (`must-revalidate`, `proxy-revalidate`, `s-maxage`: sections 5.2.2.2, .8 and .10). */
      readonly mayBeStale: boolean;
    }
  | {
      readonly storable: false;
      /** Header names that the handler varies by and the route does not declare. */
      readonly undeclaredVary?: string;
    };

const UNSTORABLE: Storability = { storable: false };

/** Judges what the handler has written so far: its status and headers. */
export function judge(res: Response, before: OutgoingHttpHeaders, rules: StorabilityRules): Storability {
  if (!rules.statuses.includes(res.statusCode)) return UNSTORABLE;
  if (cookiesChanged(res, before)) return UNSTORABLE;
  if (res.hasHeader("Content-Range")) return UNSTORABLE;
  if (res.hasHeader("Trailer")) return UNSTORABLE;
  const undeclared = addedVary(res, before).filter((name) => !rules.vary.includes(name.toLowerCase()));
  if (undeclared.length > 0) return { storable: false, undeclaredVary: undeclared.join(", ") };
  return judgeFreshness(res, before, rules.ttlSeconds);
}

/** Whether anybody has set a cookie since the headers `before`. */
export function cookiesChanged(res: Response, before: OutgoingHttpHeaders): boolean {
  return String(res.getHeader("Set-Cookie") ?? "") !== String(before["set-cookie"] ?? "");
}

/** What the handler set; what earlier middleware set as a default says nothing about this response. */
function ownHeader(res: Response, before: OutgoingHttpHeaders, name: string): string | undefined {
  const value = res.getHeader(name);
  return value === undefined || value === before[name.toLowerCase()] ? undefined : String(value);
}

const FORBIDDING = ["no-store", "private", "no-cache"];

function judgeFreshness(res: Response, before: OutgoingHttpHeaders, ttlSeconds: number): Storability {
  const directives = parseCacheControl(ownHeader(res, before, "Cache-Control") ?? "");
  if (FORBIDDING.some((name) => directives.has(name))) return UNSTORABLE;
  const sMaxAge = secondsOf(directives, "s-maxage");
  if (sMaxAge === 0) return UNSTORABLE;
  // max-age=0 is what Express's sendFile says to clients; for how long this cache keeps it the route has said.
  const maxAge = secondsOf(directives, "max-age") || undefined;
  const expires = directives.size === 0 ? ownHeader(res, before, "Expires") : undefined;
  const untilExpires = expires === undefined ? undefined : secondsUntil(expires);
  if (untilExpires !== undefined && untilExpires <= 0) return UNSTORABLE;
  const ageSeconds = Math.max(0, Number.parseInt(ownHeader(res, before, "Age") ?? "0", 10) || 0);
  const lifetime = Math.min(ttlSeconds, sMaxAge ?? maxAge ?? untilExpires ?? ttlSeconds);
  if (ageSeconds >= lifetime) return UNSTORABLE;
  const mayBeStale = !["must-revalidate", "proxy-revalidate", "s-maxage"].some((name) =>
    directives.has(name),
  );
  return { storable: true, ttlSeconds: lifetime, ageSeconds, mayBeStale };
}

/** Negative for a date in the past and for what is no date: "0" is how servers say "already expired" (RFC 9111 section 5.3). */
function secondsUntil(date: string): number {
  const milliseconds = Date.parse(date) - Date.now();
  return Number.isNaN(milliseconds) || /^\d+$/.test(date.trim()) ? -1 : Math.floor(milliseconds / 1000);
}
