// What the first bytes of a stored entry say of it, for operators: whose and which request it answers. Its body is not looked at.
// Tests: test/unit/entry-beginning.test.ts
import { MAGIC, PREFIX_BYTES } from "./entry.js";

export interface EntryBeginning {
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  readonly status: number;
  /** Of a route: path and query. `undefined` of a value of the toolkit, whose key says what it is. */
  readonly url: string | undefined;
  /** Of a route with one; empty where there is none. */
  readonly scope: string;
}

/**
 * `undefined` for what is sealed, foreign, or too short. Unlike `decodeEntry` it trusts what it reads, because the
 * checksum is over bytes that are not here: nothing may be served by it.
 */
export function readBeginning(head: Buffer): EntryBeginning | undefined {
  const identityAt = PREFIX_BYTES + 3 * 8 + 2 + 4;
  if (head.length < identityAt || head.readUInt32BE(0) !== MAGIC) return undefined;
  const createdAtMs = head.readDoubleBE(PREFIX_BYTES);
  const status = head.readUInt16BE(PREFIX_BYTES + 3 * 8);
  const end = identityAt + head.readUInt32BE(identityAt - 4);
  if (!Number.isFinite(createdAtMs) || status < 100 || status > 999) return undefined;
  return { createdAtMs, status, ...requestIn(head.toString("utf8", identityAt, Math.min(end, head.length))) };
}

type Decoded = string | readonly [raw: string];

/** Of an identity that is cut off within its query, the path. */
function requestIn(identity: string): { readonly url: string | undefined; readonly scope: string } {
  const params = /^\S+ \S+ (\[.*)$/s.exec(identity)?.[1];
  if (params === undefined) return { url: undefined, scope: "" };
  const parsed = parsedArray(params);
  if (!parsed) {
    const path = /^\["(?:[^"\\]|\\.)*","((?:[^"\\]|\\.)*)"/.exec(params)?.[1];
    return { url: path === undefined ? undefined : `${path}?…`, scope: "" };
  }
  const [, shownPath, shownQuery, scope, , , , askedFor] = parsed;
  // What the client has asked for, where middleware has put another URL in its place.
  const [path, query] = Array.isArray(askedFor) ? askedFor : [shownPath, shownQuery];
  const text = queryText(query);
  return {
    url: `${String(path)}${text === "" ? "" : `?${text}`}`,
    scope: typeof scope === "string" ? scope : "",
  };
}

function parsedArray(text: string): readonly unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Pairs as `request-key.ts` writes them; where the app or the route says how it understands queries, that text. */
function queryText(query: unknown): string {
  if (!Array.isArray(query)) return typeof query === "string" ? query.replace(/^\?/, "") : "";
  return query
    .map((pair) => (Array.isArray(pair) ? pair.map((part) => encoded(part as Decoded)).join("=") : ""))
    .join("&");
}

function encoded(part: Decoded): string {
  if (typeof part !== "string") return String(part[0]);
  // Half of a pair of surrogates has no encoding.
  return encodeURIComponent(Buffer.from(part, "utf8").toString("utf8"));
}
