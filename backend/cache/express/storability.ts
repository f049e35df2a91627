// Whether a response may be stored (RFC 9111 section 3, as a shared cache that its routes opt into), and for how long.
import type { OutgoingHttpHeaders } from "node:http";
import type { Response } from "express";
import { addedVary } from "./recorded-headers.js";

export interface StorabilityRules {
  readonly statuses: readonly number[];
  /** Lower case. */
  readonly vary: readonly string[];
  readonly ttlSeconds: number;
}

export type Storability =
  | { readonly storable: true; readonly ttlSeconds: number }
  | { readonly storable: false; readonly reason: string };

/** Judges what the handler has written so far: its status and headers. */
export function judge(res: Response, before: OutgoingHttpHeaders, rules: StorabilityRules): Storability {
  if (!rules.statuses.includes(res.statusCode)) return no(`status ${res.statusCode}`);
  if (String(res.getHeader("Set-Cookie") ?? "") !== String(before["set-cookie"] ?? ""))
    return no("Set-Cookie");
  if (res.hasHeader("Content-Range")) return no("partial content");
  if (res.hasHeader("Trailer")) return no("trailers");
  const undeclared = addedVary(res, before).filter((name) => !rules.vary.includes(name.toLowerCase()));
  if (undeclared.length > 0) return no(`Vary: ${undeclared.join(", ")}`);
  return judgeCacheControl(res, before, rules.ttlSeconds);
}

/** `Cache-Control` as the handler set it: what earlier middleware set as a default says nothing about this response. */
function judgeCacheControl(res: Response, before: OutgoingHttpHeaders, ttlSeconds: number): Storability {
  const header = res.getHeader("Cache-Control");
  if (header === undefined || header === before["cache-control"]) return { storable: true, ttlSeconds };
  const directives = new Map<string, string>();
  for (const directive of String(header).toLowerCase().split(",")) {
    const [name = "", argument = ""] = directive.trim().split("=");
    directives.set(name, argument.replaceAll('"', ""));
  }
  if (directives.has("no-store")) return no("Cache-Control: no-store");
  // "private" is what the cache itself tells browsers; from a handler it means one user's response.
  if (directives.has("private")) return no("Cache-Control: private");
  const sMaxAge = directives.get("s-maxage");
  if (sMaxAge === undefined) return { storable: true, ttlSeconds };
  const limit = /^\d+$/.test(sMaxAge) ? Number(sMaxAge) : 0;
  return limit === 0 ? no("s-maxage=0") : { storable: true, ttlSeconds: Math.min(ttlSeconds, limit) };
}

function no(reason: string): Storability {
  return { storable: false, reason };
}
