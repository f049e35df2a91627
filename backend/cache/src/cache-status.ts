// The Cache-Status response header (RFC 9211): what this cache did with the request.
// Tests: test/integration/cache-list.test.ts, test/integration/followers.test.ts
import type { ServerResponse } from "node:http";

const CACHE_NAME = "express-tenant-cache";

/**
 * Why a request goes to its handler: nothing valid, something too old, or because the client asked for it
 * (`obeyRequest`).
 */
export type Forwarded = "miss" | "stale" | "request";

/** What happened, in the header's terms; the key is never shown. */
export type CacheStatus =
  | { readonly hit: true; readonly ttlSeconds: number }
  | {
      readonly fwd: Forwarded;
      readonly stored?: boolean;
      readonly collapsed?: boolean;
      readonly detail?: string;
    }
  | { readonly fwd: "bypass"; readonly detail: string };

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
  if (status.fwd === "bypass") return `${CACHE_NAME}; fwd=bypass; detail=${status.detail}`;
  const stored = status.stored ? "; stored" : "";
  const collapsed = status.collapsed ? "; collapsed" : "";
  const detail = status.detail === undefined ? "" : `; detail=${status.detail}`;
  return `${CACHE_NAME}; fwd=${status.fwd}${stored}${collapsed}${detail}`;
}

/** Adds ours after those of caches nearer to the origin (RFC 9211 section 2). */
export function setCacheStatus(res: ServerResponse, status: CacheStatus): void {
  const earlier = res.getHeader("Cache-Status");
  const ours = formatCacheStatus(status);
  res.setHeader("Cache-Status", earlier === undefined ? ours : `${String(earlier)}, ${ours}`);
}
