// Whether a response may be stored (RFC 9111 section 3, as a shared cache that its routes opt into), and for how long.
import { type OutgoingHttpHeader, type OutgoingHttpHeaders, STATUS_CODES } from "node:http";
import type { Response } from "express";
import type { UnstoredReason } from "../cache-status.js";
import { hasLength, isETag } from "../codec/sendable.js";
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
  // Read once: each look at a header of a response costs as much as this.
  const now = res.getHeaders();
  if (!isCodedPlainly(now)) return unstorable("transfer-coding");
  if (isEventStream(now)) return unstorable("event-stream");
  if (cookiesChanged(now, before)) return unstorable("set-cookie");
  if (now["content-range"] !== undefined) return unstorable("partial");
  if (now.trailer !== undefined) return unstorable("trailers");
  if (!isETag(String(now.etag ?? ""))) return unstorable("etag");
  const undeclared = addedVary(now.vary, before).filter((name) => !rules.vary.includes(name.toLowerCase()));
  // Chosen for one client behind the cache, also where middleware in front of it had named the header before.
  const isNegotiated =
    ownHeader(now, before, "content-encoding") !== undefined && !rules.vary.includes("accept-encoding");
  if (isNegotiated && /accept-encoding/i.test(String(now.vary ?? "")))
    return undeclaredVary("Accept-Encoding");
  if (undeclared.length > 0) return undeclaredVary(undeclared.join(", "));
  // Made for one origin, also where earlier middleware had named Origin in Vary, so that naming it again
  // shows nothing.
  const allowedOrigin = ownHeader(now, before, "access-control-allow-origin") ?? "*";
  if (allowedOrigin !== "*" && !rules.vary.includes("origin")) return undeclaredVary("Origin");
  return judgeFreshness(res.statusCode, now, before, rules);
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
function isCodedPlainly(now: OutgoingHttpHeaders): boolean {
  const coding = now["transfer-encoding"];
  return coding === undefined || String(coding).trim().toLowerCase() === "chunked";
}

/** Its answer is what happens while it lasts. */
function isEventStream(now: OutgoingHttpHeaders): boolean {
  return /^\s*text\/event-stream\s*(?:;|$)/i.test(String(now["content-type"] ?? ""));
}

/** The length that the handler declares; `NaN` for what is none. */
export function declaredLength(res: Response): number | undefined {
  return numberOf(res.getHeader("Content-Length"));
}

/** The same, among all headers of a response. */
export function lengthIn(headers: OutgoingHttpHeaders): number | undefined {
  return numberOf(headers["content-length"]);
}

/** To HEAD: as Node declares the length of a whole body to GET, where the handler does not. */
export function declareLength(res: Response, bodyBytes: number): void {
  const isDeclared = res.hasHeader("Content-Length") || res.hasHeader("Transfer-Encoding");
  if (!isDeclared && hasLength(res.statusCode)) res.setHeader("Content-Length", bodyBytes);
}

function numberOf(length: OutgoingHttpHeader | undefined): number | undefined {
  return length === undefined ? undefined : Number(length);
}

/** Whether anybody has set a cookie since the headers `before`. */
function cookiesChanged(now: OutgoingHttpHeaders, before: OutgoingHttpHeaders): boolean {
  return String(now["set-cookie"] ?? "") !== String(before["set-cookie"] ?? "");
}

/**
 * What the handler set; what earlier middleware set as a default says nothing about this response.
 *
 * @param name in lower case
 */
function ownHeader(now: OutgoingHttpHeaders, before: OutgoingHttpHeaders, name: string): string | undefined {
  const value = now[name];
  return value === undefined || value === before[name] ? undefined : String(value);
}

const FORBIDDING = ["no-store", "private", "no-cache"] as const;
/** What Express's sendFile says where nobody has chosen anything: no statement about this response. */
const SEND_DEFAULT = "public, max-age=0";

function judgeFreshness(
  statusCode: number,
  now: OutgoingHttpHeaders,
  before: OutgoingHttpHeaders,
  { ttlSeconds, storesPrivate }: StorabilityRules,
): Storability {
  const cacheControl = ownHeader(now, before, "cache-control") ?? "";
  const directives = parseCacheControl(cacheControl === SEND_DEFAULT ? "" : cacheControl);
  const isPrivate = directives.has("private");
  const forbidding = FORBIDDING.find(
    (name) => directives.has(name) && !(name === "private" && storesPrivate),
  );
  if (forbidding) return unstorable(forbidding);
  // Section 5.2.2.3.
  if (directives.has("must-understand") && !(statusCode in STATUS_CODES)) return unstorable("status");
  const dateMs = parseHttpDate(ownHeader(now, before, "date")) ?? Date.now();
  // `s-maxage` is for caches that several users share, which one user's own entries are not (section 5.2.2.10).
  const declared =
    (isPrivate ? undefined : secondsOf(directives, "s-maxage")) ??
    secondsOf(directives, "max-age") ??
    lifetimeByExpires(ownHeader(now, before, "expires"), dateMs);
  const lifetime = Math.min(ttlSeconds, declared ?? ttlSeconds);
  // Sections 4.2.3 and 5.1: the greater of what the response says and what its date shows.
  const saidAge = Number.parseInt(ownHeader(now, before, "age") ?? "0", 10) || 0;
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
