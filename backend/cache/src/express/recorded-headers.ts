// Which headers of a response belong to the entry: those that the handler set, and none that concern one connection or one client.
// Tests: test/integration/recorder.test.ts
import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Response } from "express";
import { NEVER_STORED } from "../codec/sendable.js";

export interface HandlerHeaders {
  /** Set or changed by the handler, with its spelling; repeated names for several values. */
  readonly set: [name: string, value: string][];
  /** Set by earlier middleware and removed by the handler. */
  readonly removed: string[];
}

/** The headers as they are when `cacheList` is entered: they belong to the request, not to the entry. */
export function headersBefore(res: Response): OutgoingHttpHeaders {
  const before = res.getHeaders();
  for (const [name, value] of Object.entries(before)) if (Array.isArray(value)) before[name] = [...value];
  return before;
}

/** The handler's names join those that earlier middleware set for this request. @param names none where it is empty */
export function mergeVary(res: ServerResponse, names: string): void {
  if (names === "") return;
  const set = res.getHeader("Vary");
  // Most responses: hits need no lists for them.
  if (set === undefined) {
    res.setHeader("Vary", names);
    return;
  }
  const earlier = membersOf(set);
  const known = new Set(earlier.map((name) => name.toLowerCase()));
  const added = membersOf(names).filter((name) => !known.has(name.toLowerCase()));
  res.setHeader("Vary", [...earlier, ...added].join(", "));
}

/** What the handler made of them. @param now all of the response's */
export function handlerHeaders(
  res: Response,
  before: OutgoingHttpHeaders,
  now: OutgoingHttpHeaders,
): HandlerHeaders {
  const connectionNames = membersOf(now.connection).map((name) => name.toLowerCase());
  const set: [string, string][] = [];
  for (const name of spelledNames(res)) {
    const lower = name.toLowerCase();
    const value = now[lower];
    if (NEVER_STORED.has(lower) || connectionNames.includes(lower) || isNone(value)) continue;
    if (lower === "vary") {
      const added = addedVary(value, before);
      if (added.length > 0) set.push([name, added.join(", ")]);
    } else if (!isSame(value, before[lower])) {
      for (const one of Array.isArray(value) ? value : [value]) set.push([name, String(one)]);
    }
  }
  const isRemoved = (name: string) => isNone(now[name]) && !isNone(before[name]) && !NEVER_STORED.has(name);
  const removed = Object.keys(before).filter(isRemoved);
  return { set, removed };
}

/** Field names that the handler added to Vary: those of earlier middleware (CORS) are not about the entry. */
export function addedVary(vary: OutgoingHttpHeader | undefined, before: OutgoingHttpHeaders): string[] {
  if (vary === undefined) return [];
  const earlier = membersOf(before.vary).map((name) => name.toLowerCase());
  return membersOf(vary).filter((name) => !earlier.includes(name.toLowerCase()));
}

/** The members of a comma-separated header. */
export function membersOf(value: OutgoingHttpHeader | undefined): string[] {
  if (value === undefined) return [];
  return String(value)
    .split(",")
    .map((member) => member.trim())
    .filter((member) => member !== "");
}

/** Names as they go over the wire in HTTP/1.1; the HTTP/2 response knows them in lower case only. */
export function spelledNames(res: Response & { getRawHeaderNames?: () => string[] }): string[] {
  return res.getRawHeaderNames?.() ?? res.getHeaderNames();
}

/** Of an empty list Node sends nothing. */
function isNone(value: OutgoingHttpHeader | undefined): value is undefined {
  return value === undefined || (Array.isArray(value) && value.length === 0);
}

function isSame(value: OutgoingHttpHeader, before: OutgoingHttpHeader | undefined): boolean {
  return (
    before !== undefined && String(value) === String(before) && Array.isArray(value) === Array.isArray(before)
  );
}
