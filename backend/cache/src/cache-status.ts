// The Cache-Status response header (RFC 9211): what this cache did with the request.
// Tests: test/integration/cache-list.test.ts, test/integration/followers.test.ts
import type { ServerResponse } from "node:http";

const CACHE_NAME = "express-tenant-cache";

/**
 * Why a request goes to its handler: nothing valid, something too old, or because the client asked for it
 * (`obeyRequest`).
 */
export type Forwarded = "miss" | "stale" | "request";

/** Why a request is not looked up. */
export type BypassReason =
  | "no-tenant"
  | "async-tenant"
  | "disabled"
  | "no-module"
  | "skipped"
  | "range"
  | "precondition"
  | "event-stream"
  | "body"
  | "authority"
  | "params"
  | "query"
  | "vary-by"
  | "too-long"
  | "fragment"
  | "scope"
  | "async-scope"
  | "request"
  | "store-unavailable"
  | "write-pending";

/** Why a request runs its handler without a fill: nothing of it is stored. */
export type RunReason =
  | "store-unavailable"
  | "write-pending"
  | "settling"
  | "unstorable"
  | "wait-exceeded"
  /** The feed does not see all changes of what the route shows. */
  | "uncovered"
  /** The replica that the handler reads has not replayed what was invalidated, or does not say so. */
  | "replica-lag";

/** Why an answer may not be stored. */
export type UnstoredReason =
  | "status"
  | "no-store"
  | "no-cache"
  | "private"
  | "set-cookie"
  | "vary"
  | "too-large"
  | "ttl-zero"
  | "should-store"
  | "tags"
  | "partial"
  | "trailers"
  | "etag"
  | "value"
  | "event-stream"
  | "transfer-coding"
  | "length"
  | UnreadReason;

/** Why it is not known what the handler of a route with `dependsOn: "auto"` has read. */
export type UnreadReason =
  /** It has made no statement that was seen. */
  | "no-reads"
  /** A statement that is not understood, or that is none which only reads. */
  | "unknown-statement"
  /** A table that the feed does not cover, or none of this name. */
  | "unknown-table"
  | "unknown-function"
  /** `now()`, `random()`, `current_user` and the like. */
  | "changing-value"
  | "materialized-view"
  | "locking"
  | "writing"
  /** Rows that are not shown to be the tenant's own. */
  | "all-tenants"
  /** A transaction that was begun before the handler. */
  | "early-transaction"
  /** What the database's catalogue says is not known yet, or has just changed. */
  | "catalogue"
  | "uncovered";

/**
 * What else is said of an answer. `streamed`: the head leaves before the body is there, so that nobody knows
 * yet whether it will be stored. `head`: a HEAD fills nothing. `unsendable`: there was an entry that Node
 * refused to send. `busy`: as many handlers as may run at once did so, for as long as the request could wait.
 */
type OtherDetail = "streamed" | "head" | "unsendable" | "stale-if-error" | "only-if-cached" | "busy";

/** All that `detail` may be. */
export type CacheStatusDetail = BypassReason | RunReason | UnstoredReason | OtherDetail;

/** What happened, in the header's terms; the key is never shown. */
export type CacheStatus =
  | { readonly hit: true; readonly ttlSeconds: number }
  | { readonly fwd: Forwarded; readonly stored: true }
  | { readonly fwd: Forwarded; readonly collapsed: true }
  | {
      readonly fwd: Forwarded;
      readonly detail: RunReason | UnstoredReason | OtherDetail;
      readonly collapsed?: true;
    }
  | { readonly fwd: "bypass"; readonly detail: BypassReason | "busy"; readonly collapsed?: true };

/** Of a request that was not answered from an entry. */
export type ForwardedStatus = Exclude<CacheStatus, { readonly hit: true }>;

/** What the header says of an entry. */
interface Ageing {
  /** From when on it is stale, milliseconds since the epoch. */
  readonly staleAt: number;
}

/**
 * How long an entry stays fresh, the header's `ttl`. Negative where the entry is stale (RFC 9211 section
 * 2.3).
 */
export function freshSecondsOf(entry: Ageing, nowMs: number): number {
  return Math.floor((entry.staleAt - nowMs) / 1000);
}

export function hitStatus(entry: Ageing, nowMs: number): CacheStatus {
  return { hit: true, ttlSeconds: freshSecondsOf(entry, nowMs) };
}

export function formatHit(ttlSeconds: number): string {
  return `${CACHE_NAME}; hit; ttl=${ttlSeconds}`;
}

export function formatCacheStatus(status: CacheStatus): string {
  if ("hit" in status) return formatHit(status.ttlSeconds);
  const forwarded = `${CACHE_NAME}; fwd=${status.fwd}`;
  if ("detail" in status)
    return `${forwarded}${"collapsed" in status ? "; collapsed" : ""}; detail=${status.detail}`;
  return `${forwarded}; ${"stored" in status ? "stored" : "collapsed"}`;
}

/** Adds ours after those of caches nearer to the origin (RFC 9211 section 2). */
export function setCacheStatus(res: ServerResponse, status: CacheStatus): void {
  const earlier = res.getHeader("Cache-Status");
  const ours = formatCacheStatus(status);
  res.setHeader("Cache-Status", earlier === undefined ? ours : `${String(earlier)}, ${ours}`);
}
