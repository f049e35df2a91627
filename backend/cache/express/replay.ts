// Answers a request from an entry.
import type { Request, Response } from "express";
import { acceptedCodings, isCompressible } from "../codec/content-coding.js";
import type { Entry, Variant } from "../codec/entry.js";
import { type CacheStatus, setCacheStatus } from "./cache-status.js";
import { isNotModified, isSentWithNotModified } from "./conditional.js";
import { membersOf } from "./recorded-headers.js";

/** Browsers keep a copy but ask each time: a purge reaches them with their next request, which costs a 304. */
export function defaultCacheControl(res: Response): void {
  if (!res.hasHeader("Cache-Control")) res.setHeader("Cache-Control", "private, no-cache");
}

/** The same for a handler that is still to answer: what it finds set (`sendFile` does) it would not set itself. */
export function defaultCacheControlWithHead(res: Response): void {
  const writeHead = res.writeHead;
  res.writeHead = ((...args: Parameters<typeof writeHead>) => {
    // What these arguments say replaces it.
    if (!res.headersSent) defaultCacheControl(res);
    return Reflect.apply(writeHead, res, args);
  }) as typeof writeHead;
}

/**
 * Sends the entry's bytes, in a coding that the client prefers where there is a variant, or 304 where the client has them; for
 * HEAD the headers alone.
 *
 * @returns whether the client would have taken a variant that the entry does not have
 */
export function replay(
  req: Request,
  res: Response,
  entry: Entry,
  status: CacheStatus,
  nowMs: number,
): boolean {
  res.statusCode = entry.status;
  if (entry.statusMessage !== "") res.statusMessage = entry.statusMessage;
  const lastModified = entry.headers.find(([name]) => name.toLowerCase() === "last-modified")?.[1];
  const notModified = entry.status === 200 && isNotModified(req.headers, entry.etag, lastModified);
  setEntryHeaders(res, entry, notModified);
  const compressible = isCompressible(entry, entry.body.length);
  const codings = compressible ? acceptedCodings(req.headers["accept-encoding"]) : [];
  const variant = firstVariant(entry, codings);
  if (compressible) varyByEncoding(res);
  // A strong validator names one sequence of bytes, which a variant is not (RFC 9110 section 8.8.3.3).
  const isStrong = entry.etag !== "" && !entry.etag.startsWith("W/");
  if (entry.etag !== "") res.setHeader("ETag", variant && isStrong ? `W/${entry.etag}` : entry.etag);
  // Clocks of different processes may disagree: an age is never negative (RFC 9111 section 4.2.3).
  res.setHeader("Age", Math.max(0, Math.floor((nowMs - entry.createdAt) / 1000)));
  setCacheStatus(res, status);
  defaultCacheControl(res);
  const body = variant?.body ?? entry.body;
  if (notModified) {
    res.statusCode = 304;
    res.end();
  } else {
    if (variant) res.setHeader("Content-Encoding", variant.encoding);
    if (entry.status !== 204) res.setHeader("Content-Length", body.length);
    if (req.method === "HEAD") res.end();
    else res.end(body);
  }
  return codings.length > 0 && entry.variants.length === 0;
}

/** Compressible bodies vary by what the client accepts, in whichever coding this one is sent (RFC 9110 section 12.5.5). */
export function varyByEncoding(res: Response): void {
  mergeVary(res, "Accept-Encoding");
}

function firstVariant(entry: Entry, codings: readonly Variant["encoding"][]): Variant | undefined {
  for (const coding of codings) {
    const variant = entry.variants.find(({ encoding }) => encoding === coding);
    if (variant) return variant;
  }
  return undefined;
}

function setEntryHeaders(res: Response, entry: Entry, notModified: boolean): void {
  for (const name of entry.removedHeaders) res.removeHeader(name);
  const values = new Map<string, string[]>();
  for (const [name, value] of entry.headers) {
    if (notModified && !isSentWithNotModified(name)) continue;
    const earlier = values.get(name);
    if (earlier) earlier.push(value);
    else values.set(name, [value]);
  }
  for (const [name, all] of values) {
    if (name.toLowerCase() === "vary") mergeVary(res, all.join(", "));
    else res.setHeader(name, all.length === 1 ? (all[0] ?? "") : all);
  }
}

/** The handler's names join those that earlier middleware set for this request. */
function mergeVary(res: Response, value: string): void {
  const earlier = membersOf(res.getHeader("Vary"));
  const known = new Set(earlier.map((name) => name.toLowerCase()));
  const added = membersOf(value).filter((name) => !known.has(name.toLowerCase()));
  res.setHeader("Vary", [...earlier, ...added].join(", "));
}
