// Whether a response may be stored (RFC 9111 section 3, as a shared cache that its routes opt into), and for how long.
import { type OutgoingHttpHeaders, STATUS_CODES } from "node:http";
import type { Response } from "express";
import type { UnstoredReason } from "../cache-status.js";
import { isETag } from "../codec/sendable.js";
import { parseCacheControl, secondsOf } from "./cache-control.js";
import { parseHttpDate } from "./http-date.js";
import { addedVary } from "./recorded-headers.js";

export interface StorabilityRules {
  readonly statuses: readonly number[];
  /** Lower case. */
  readonly vary: readonly string[];
  /** The most that it may be. */
  readonly ttlSeconds: number;
  /** Whether what is for one user alone may be stored, because entries are that user's own. */
  readonly storesPrivate: boolean;
  readonly maxBodyBytes: number;
}

export type Storability =
  | {
      readonly storable: true;
      readonly ttlSeconds: number;
      /** How old the handler says that the response already is. */
      readonly ageSeconds: number;
      /**
       * The handler forbids serving it stale (`must-revalidate`, `proxy-revalidate`, `s-maxage`: sections
       * 5.2.2.2, .8 and .10).
       */
      readonly mayBeStale: boolean;
    }
  | {
      readonly storable: false;
      readonly reason: UnstoredReason;
      /** Header names that the handler varies by and the route does not declare. */
      readonly undeclaredVary?: string;
    };

export function unstorable(reason: UnstoredReason): Storability {
  return { storable: false, reason };
}

/**
 * Judges the head of an answer: its status and headers.
 *
 * @param bodyBytes the body's length, where it is known or declared
 */
export function judge(
  res: Response,
  before: OutgoingHttpHeaders,
  rules: StorabilityRules,
  bodyBytes: number | undefined,
): Storability {
  if (!rules.statuses.includes(res.statusCode)) return unstorable("status");
  if (bodyBytes !== undefined && !(bodyBytes <= rules.maxBodyBytes)) return unstorable("too-large");
  if (!isCodedPlainly(res)) return unstorable("transfer-coding");
  if (isEventStream(res)) return unstorable("event-stream");
  if (cookiesChanged(res, before)) return unstorable("set-cookie");
  if (res.hasHeader("Content-Range")) return unstorable("partial");
  if (res.hasHeader("Trailer")) return unstorable("trailers");
  if (!isETag(String(res.getHeader("ETag") ?? ""))) return unstorable("etag");
  const undeclared = addedVary(res, before).filter((name) => !rules.vary.includes(name.toLowerCase()));
  // Chosen for one client behind the cache, also where middleware in front of it had named the header before.
  const isNegotiated =
    ownHeader(res, before, "Content-Encoding") !== undefined && !rules.vary.includes("accept-encoding");
  if (isNegotiated && /accept-encoding/i.test(String(res.getHeader("Vary") ?? "")))
    return undeclaredVary("Accept-Encoding");
  if (undeclared.length > 0) return undeclaredVary(undeclared.join(", "));
  // Made for one origin, also where earlier middleware had named Origin in Vary, so that naming it again
  // shows nothing.
  const allowedOrigin = ownHeader(res, before, "Access-Control-Allow-Origin") ?? "*";
  if (allowedOrigin !== "*" && !rules.vary.includes("origin")) return undeclaredVary("Origin");
  return judgeFreshness(res, before, rules);
}

function undeclaredVary(names: string): Storability {
  return { storable: false, reason: "vary", undeclaredVary: names };
}

/** The same with a TTL that is known only now. */
export function limitedTo(ttlSeconds: number, judged: Storability): Storability {
  if (!judged.storable || ttlSeconds >= judged.ttlSeconds) return judged;
  return judged.ageSeconds >= ttlSeconds ? unstorable("ttl-zero") : { ...judged, ttlSeconds };
}

/**
 * Another transfer coding than `chunked` (RFC 9112 section 6.1) belongs to the connection, and changes the
 * bytes that are recorded.
 */
function isCodedPlainly(res: Response): boolean {
  const coding = res.getHeader("Transfer-Encoding");
  return coding === undefined || String(coding).trim().toLowerCase() === "chunked";
}

/** Its answer is what happens while it lasts. */
function isEventStream(res: Response): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(String(res.getHeader("Content-Type") ?? ""));
}

/** The length that the handler declares; `NaN` for what is none. */
export function declaredLength(res: Response): number | undefined {
  const length = res.getHeader("Content-Length");
  return length === undefined ? undefined : Number(length);
}

/** Whether anybody has set a cookie since the headers `before`. */
function cookiesChanged(res: Response, before: OutgoingHttpHeaders): boolean {
  return String(res.getHeader("Set-Cookie") ?? "") !== String(before["set-cookie"] ?? "");
}

/** What the handler set; what earlier middleware set as a default says nothing about this response. */
function ownHeader(res: Response, before: OutgoingHttpHeaders, name: string): string | undefined {
  const value = res.getHeader(name);
  return value === undefined || value === before[name.toLowerCase()] ? undefined : String(value);
}

const FORBIDDING = ["no-store", "private", "no-cache"] as const;
/** What Express's sendFile says where nobody has chosen anything: no statement about this response. */
const SEND_DEFAULT = "public, max-age=0";

function judgeFreshness(
  res: Response,
  before: OutgoingHttpHeaders,
  { ttlSeconds, storesPrivate }: StorabilityRules,
): Storability {
  const cacheControl = ownHeader(res, before, "Cache-Control") ?? "";
  const directives = parseCacheControl(cacheControl === SEND_DEFAULT ? "" : cacheControl);
  const isPrivate = directives.has("private");
  const forbidding = FORBIDDING.find(
    (name) => directives.has(name) && !(name === "private" && storesPrivate),
  );
  if (forbidding) return unstorable(forbidding);
  // Section 5.2.2.3.
  if (directives.has("must-understand") && !(res.statusCode in STATUS_CODES)) return unstorable("status");
  const dateMs = parseHttpDate(ownHeader(res, before, "Date")) ?? Date.now();
  // `s-maxage` is for caches that several users share, which one user's own entries are not (section 5.2.2.10).
  const declared =
    (isPrivate ? undefined : secondsOf(directives, "s-maxage")) ??
    secondsOf(directives, "max-age") ??
    lifetimeByExpires(ownHeader(res, before, "Expires"), dateMs);
  const lifetime = Math.min(ttlSeconds, declared ?? ttlSeconds);
  // Sections 4.2.3 and 5.1: the greater of what the response says and what its date shows.
  const saidAge = Number.parseInt(ownHeader(res, before, "Age") ?? "0", 10) || 0;
  const ageSeconds = Math.max(0, saidAge, Math.floor((Date.now() - dateMs) / 1000));
  if (ageSeconds >= lifetime) return unstorable("ttl-zero");
  const mayBeStale = !["must-revalidate", "proxy-revalidate", "s-maxage"].some((name) =>
    directives.has(name),
  );
  return { storable: true, ttlSeconds: lifetime, ageSeconds, mayBeStale };
}

/**
 * Seconds from the response's date; 0 for what is no date: "0" is how servers say "already expired" (section
 * 5.3).
 */
function lifetimeByExpires(expires: string | undefined, dateMs: number): number | undefined {
  if (expires === undefined) return undefined;
  const expiresMs = parseHttpDate(expires);
  return expiresMs === undefined ? 0 : Math.max(0, Math.floor((expiresMs - dateMs) / 1000));
}
