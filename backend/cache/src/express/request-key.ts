// The canonical form of a request: two requests share a key only if a handler could not tell them apart.

import { hash } from "node:crypto";
import { types } from "node:util";

/** Longer requests are not cached: their canonical form is kept in every entry. */
export const MAX_PARAMS_LENGTH = 4096;
/** Express's query parser cuts a query off after 1,000 parameters; sorting would hide which ones. */
const MAX_QUERY_PAIRS = 256;
/** Deeper data would end in a full stack, some of it only where the handler calls from deep below. */
const MAX_DATA_DEPTH = 200;

export interface AskedUrl {
  /** Percent-encoding is not touched. */
  readonly path: string;
  /** What follows the first `?` of the raw URL, without a fragment. */
  readonly rawQuery: string;
  /**
   * {@link canonicalData} of the query as the route understands it, where it says so: it takes the place of
   * the query's text.
   */
  readonly query?: string | undefined;
}

/** Its path is `req.baseUrl + req.path`, as it came, but for the slash that Express adds below a mount. */
export interface RequestParts extends AskedUrl {
  /** Scheme, host and port in one spelling; empty where answers do not depend on them. */
  readonly authority: string;
  /** What the client has asked for, where middleware has put another URL in its place. */
  readonly target?: AskedUrl | undefined;
  readonly scope: string;
  /** Names (lower case) and values of the declared `vary` headers. */
  readonly vary: readonly (readonly [name: string, value: string])[];
  /** {@link canonicalData} of what else the answer depends on. Absent or empty: nothing. */
  readonly varied?: string | undefined;
  /** Stands for the body. Absent or empty: it has none. */
  readonly content?: string | undefined;
}

/**
 * Writes a request as JSON, so that no text inside one part can look like another part. Query parameters are
 * grouped by base name (`a` for `a`, `a[]`, `a[b]` and `a.b`) and sorted by it; within a group their order
 * stays, because handlers see it.
 *
 * @returns `undefined` for a request that is too long or has too many parameters to be cached
 */
export function canonicalParams(parts: RequestParts): string | undefined {
  const { authority, target, scope, vary, varied = "", content = "" } = parts;
  const url = canonicalUrl(parts);
  const askedFor = target ? canonicalUrl(target) : [];
  if (!url || !askedFor) return undefined;
  const more = target ? [varied, content, askedFor] : moreOf(varied, content);
  const params = JSON.stringify([authority, ...url, scope, vary, ...more]);
  return params.length > 2 * MAX_PARAMS_LENGTH ? undefined : params;
}

function canonicalUrl({ path, rawQuery, query }: AskedUrl): [string, string | Pair[]] | undefined {
  if (path.length + rawQuery.length > MAX_PARAMS_LENGTH) return undefined;
  // A text is never equal to the pairs, which are an array.
  const asked = query ?? canonicalQuery(rawQuery);
  return asked === undefined ? undefined : [path, asked];
}

/** Absent where there is neither, so that most requests are as short as they can be. */
function moreOf(varied: string, content: string): readonly string[] {
  if (content !== "") return [varied, content];
  return varied === "" ? [] : [varied];
}

/**
 * Writes plain data so that two values have one text only if they are the same: the order of keys does not
 * matter, and neither do keys without a value. What JSON would write as something else (dates, big integers,
 * NaN) has a text of its own.
 *
 * @returns `undefined` for what is more than data (a Map or another class's instance would look like an empty
 *   object), and for data that is nested more than 200 deep
 */
export function canonicalData(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case "string":
      return JSON.stringify(value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "boolean":
    case "undefined":
      return String(value);
    case "bigint":
      return `${value}n`;
    case "object":
      if (value === null) return "null";
      return depth === MAX_DATA_DEPTH ? undefined : canonicalObject(value, depth + 1);
    default:
      return undefined;
  }
}

function canonicalObject(value: object, depth: number): string | undefined {
  if (Array.isArray(value)) {
    const elements = value.map((element) => canonicalData(element, depth));
    return enclosed("[", elements, "]");
  }
  if (types.isDate(value)) return `Date(${value.getTime()})`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return undefined;
  const members = Object.entries(value)
    .filter(([, member]) => member !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => {
      const text = canonicalData(member, depth);
      return text === undefined ? undefined : `${JSON.stringify(name)}:${text}`;
    });
  return enclosed("{", members, "}");
}

function enclosed(open: string, texts: readonly (string | undefined)[], close: string): string | undefined {
  return texts.includes(undefined) ? undefined : `${open}${texts.join(",")}${close}`;
}

/** The last part of an entry's key. */
export function hashParams(params: string, algorithm: "md5" | "sha256"): string {
  return hash(algorithm, params);
}

/**
 * A decoded text, or, in an array, one that is no valid percent-encoding and stays as it came: the two are
 * never equal.
 */
type Decoded = string | readonly [raw: string];
type Pair = readonly [name: Decoded, value?: Decoded];

export function canonicalQuery(rawQuery: string): Pair[] | undefined {
  if (rawQuery === "") return [];
  const segments = rawQuery.split("&");
  if (segments.length > MAX_QUERY_PAIRS) return undefined;
  if (segments.some(isReadInSeveralWays)) return [[[rawQuery]]];
  const parameters: { readonly base: string; readonly pair: Pair }[] = [];
  for (const segment of segments) {
    if (segment === "") continue;
    const equals = segment.indexOf("=");
    const name = decode(equals === -1 ? segment : segment.slice(0, equals));
    // "a" and "a=" are kept apart: some parsers tell null from the empty string.
    const pair: Pair = equals === -1 ? [name] : [name, decode(segment.slice(equals + 1))];
    parameters.push({ base: baseName(name), pair });
  }
  // The sort is stable: a group stays in its order.
  parameters.sort((a, b) => (a.base < b.base ? -1 : a.base > b.base ? 1 : 0));
  return parameters.map(({ pair }) => pair);
}

/**
 * What parsers do not agree about: a query that has such a part keeps its spelling and its order. qs ends a name at
 * the first `]=`, others at the first `=`. `[a]` is `a` to qs, and `.[a]` a part of `.`. And names that are no valid percent-encoding are
 * decoded to one and the same by some.
 */
function isReadInSeveralWays(segment: string): boolean {
  const equals = segment.indexOf("=");
  const bracket = segment.search(/(?:\]|%5D)=/i);
  if (bracket !== -1 && segment.indexOf("=", bracket) !== equals) return true;
  const name = decode(equals === -1 ? segment : segment.slice(0, equals));
  return typeof name !== "string" || name.startsWith("[") || name.startsWith(".");
}

function baseName(name: Decoded): string {
  const text = typeof name === "string" ? name : name[0];
  const end = text.search(/[[.]/);
  return end <= 0 ? text : text.slice(0, end);
}

/** As query parsers decode: "+" is a space. */
function decode(text: string): Decoded {
  const spaced = text.includes("+") ? text.replaceAll("+", " ") : text;
  if (!spaced.includes("%")) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    return [text];
  }
}
