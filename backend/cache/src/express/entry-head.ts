// What an entry's response head is made of: worked out once for equal header fields, not once for each hit.
// Tests: test/integration/cache-list.test.ts, test/integration/unsendable-hits.test.ts
//
// The head of a hit is the handler's header fields, what was on the response before, and the cache's own
// fields. Only a few values differ from one hit to the next (Age, the TTL in Cache-Status), so that most of
// the work is done before, in two layers:
//
// - `EntryHead`, for all entries that share their header fields (`codec/entry.ts` keeps equal ones once). It
//   knows what follows from the handler's fields alone: which of them a 304 carries, the values of Vary,
//   Last-Modified. What differs from one of these entries to the next (ETag, length, whether it may be sent
//   compressed) is asked of the entry: an object for each would cost more memory than it saves work.
// - `Template`, kept by `EntryHead`. It is a whole head as the list of names and values that `writeHead`
//   takes, for one form of answer (as it came, 304, or a content coding) and one set of the cache's own
//   fields.
//
// A template is one array, which every hit overwrites with its own values and gives to Node's `writeHead`.
// Node reads it at once and keeps nothing of it, so that a hit allocates no list of its own. Whoever has put
// a function of their own in the place of `writeHead` gets a copy (`replay.ts`).
//
// Order. The fields stand as a handler behind the same middleware would have left them: what earlier
// middleware has set comes first; a field that the handler replaced keeps its place, and a field that it
// removed is left out.

import { formatHit } from "../cache-status.js";
import { isCompressibleAnswer, isCompressibleType } from "../codec/content-coding.js";
import { type ContentCoding, type Entry, HEAD, type Variant } from "../codec/entry.js";
import { hasLength } from "../codec/sendable.js";
import { isSentWithNotModified } from "./conditional.js";
import type { OwnHeaders } from "./own-headers.js";
import { isBeyondASCII, isFileName } from "./sent-letters.js";

/** A header field, with all its values where its name was repeated. */
export type Field = readonly [name: string, value: string | string[]];

/**
 * Browsers keep a copy but ask each time: a purge reaches them with their next request, which costs a 304.
 */
export const DEFAULT_CACHE_CONTROL = "private, no-cache";

/** Nothing of a response's head is there before the cache writes it. */
export const NOTHING_EARLIER: readonly Field[] = [];

/** What of an entry is sent: its body as it came, none of it, or a variant. */
export type Form = "identity" | "not-modified" | Variant;

/** A whole head as `writeHead` takes it, and where in it each hit writes its own values. */
interface Template {
  readonly kind: "identity" | "not-modified" | ContentCoding;
  readonly own: OwnHeaders;
  readonly earlier: readonly Field[];
  readonly vary: string;
  readonly flat: (string | string[])[];
  readonly ageAt: number;
  /** -1 where it has none; so the next two. */
  readonly statusAt: number;
  readonly etagAt: number;
  readonly lengthAt: number;
}

/** Which header lines there are beside the fields. */
interface Parts extends Pick<Template, "kind" | "own" | "earlier" | "vary"> {
  readonly hasETag: boolean;
  readonly hasLength: boolean;
  /** In lower case. */
  readonly removed: readonly string[];
}

/** What the entries that share their header fields have in common. */
export class EntryHead {
  /** Those of the handler, without Vary. */
  readonly fields: readonly Field[];
  /** Those of them that a 304 carries. */
  readonly notModifiedFields: readonly Field[];
  readonly lastModified: string | undefined;
  readonly hasCacheControl: boolean;
  readonly namesFileBeyondASCII: boolean;
  readonly #headers: Entry["headers"];
  readonly #isCompressible: boolean;
  readonly #vary: string;
  readonly #varyWithEncoding: string;
  /** The youngest first. */
  #templates: readonly Template[] = [];

  constructor(headers: Entry["headers"]) {
    this.#headers = headers;
    this.#isCompressible = isCompressibleType(headers);
    const fields = new Map<string, [name: string, value: string | string[]]>();
    const vary: string[] = [];
    for (const [name, value] of headers) {
      const lower = name.toLowerCase();
      const earlier = fields.get(lower);
      if (lower === "vary") vary.push(value);
      else if (!earlier) fields.set(lower, [name, value]);
      else if (Array.isArray(earlier[1])) earlier[1].push(value);
      else earlier[1] = [earlier[1], value];
    }
    this.fields = [...fields.values()];
    this.notModifiedFields = this.fields.filter(([name]) => isSentWithNotModified(name));
    this.#vary = vary.join(", ");
    const isNamed = NAMES_ACCEPT_ENCODING.test(this.#vary);
    this.#varyWithEncoding = isNamed ? this.#vary : [...vary, "Accept-Encoding"].join(", ");
    const lastModified = fields.get("last-modified")?.[1];
    this.lastModified = Array.isArray(lastModified) ? lastModified[0] : lastModified;
    this.hasCacheControl = fields.has("cache-control");
    this.namesFileBeyondASCII = headers.some(([name, value]) => isFileName(name) && isBeyondASCII(value));
  }

  isOf({ headers }: Entry): boolean {
    return this.#headers === headers;
  }

  isCompressible({ status, body }: Entry): boolean {
    return this.#isCompressible && isCompressibleAnswer(status, body.length);
  }

  /**
   * The handler's own, and Accept-Encoding where hits may be sent compressed, in whichever coding this one is
   * sent (RFC 9110 section 12.5.5); empty where there is neither.
   */
  varyFor(entry: Entry, own: OwnHeaders): string {
    return own.vary && this.isCompressible(entry) ? this.#varyWithEncoding : this.#vary;
  }

  /**
   * The head of a hit, as names and values in turn. Valid until the next call for any entry: only for Node's
   * own `writeHead`, which keeps none of it.
   *
   * @param own which of its own headers the cache adds
   * @param earlier what is on every response before the cache adds to it
   */
  lines(
    entry: Entry,
    form: Form,
    own: OwnHeaders,
    earlier: readonly Field[],
    ageSeconds: number,
    ttlSeconds: number,
  ): (string | string[])[] {
    const { etag, removedHeaders } = entry;
    const variant = typeof form === "string" ? undefined : form;
    const { flat, ageAt, statusAt, etagAt, lengthAt } = this.#template({
      kind: typeof form === "string" ? form : form.encoding,
      own,
      earlier,
      vary: this.varyFor(entry, own),
      hasETag: etag !== "",
      hasLength: form !== "not-modified" && hasLength(entry.status),
      removed:
        earlier.length === 0 || removedHeaders.length === 0
          ? NO_NAMES
          : removedHeaders.map((name) => name.toLowerCase()),
    });
    if (etagAt !== NOWHERE) flat[etagAt] = variant ? variantETagOf(entry) : etag;
    flat[ageAt] = String(ageSeconds);
    if (statusAt !== NOWHERE) flat[statusAt] = formatHit(ttlSeconds);
    if (lengthAt !== NOWHERE) flat[lengthAt] = lengthOf(entry, variant);
    return flat;
  }

  #template(parts: Parts): Template {
    if (parts.removed.length > 0) return this.#compose(parts);
    for (const known of this.#templates) if (isFor(known, parts)) return known;
    const made = this.#compose(parts);
    this.#templates = [made, ...this.#templates.slice(0, MAX_TEMPLATES - 1)];
    return made;
  }

  /** In the order in which `replay` sets them. */
  #compose({ kind, own, earlier, vary, hasETag, hasLength, removed }: Parts): Template {
    const fields = kind === "not-modified" ? this.notModifiedFields : this.fields;
    const flat = earlier.length === 0 ? fields.flat() : withEarlier(fields, earlier, removed);
    if (vary !== "") flat.push("Vary", vary);
    const etagAt = hasETag ? flat.push("ETag", "") - 1 : NOWHERE;
    const ageAt = flat.push("Age", "") - 1;
    const statusAt = own.cacheStatus ? flat.push("Cache-Status", "") - 1 : NOWHERE;
    if (own.cacheControl && !this.hasCacheControl) flat.push("Cache-Control", DEFAULT_CACHE_CONTROL);
    if (kind !== "identity" && kind !== "not-modified") flat.push("Content-Encoding", kind);
    const lengthAt = hasLength ? flat.push("Content-Length", "") - 1 : NOWHERE;
    return { kind, own, earlier, vary, flat, ageAt, statusAt, etagAt, lengthAt };
  }
}

const NOWHERE = -1;
/** As it came, not modified, and in the codings that clients ask for. */
const MAX_TEMPLATES = 8;

function isFor(template: Template, { kind, own, earlier, vary, hasETag, hasLength }: Parts): boolean {
  return (
    template.kind === kind &&
    template.own === own &&
    template.earlier === earlier &&
    template.vary === vary &&
    (template.etagAt !== NOWHERE) === hasETag &&
    (template.lengthAt !== NOWHERE) === hasLength
  );
}

/** What the handler replaced stays in its place, as `setHeader` leaves it. */
function withEarlier(
  own: readonly Field[],
  earlier: readonly Field[],
  removed: readonly string[],
): (string | string[])[] {
  const left = new Map(own.map((field) => [lowerName(field), field]));
  const flat: (string | string[])[] = [];
  for (const field of earlier) {
    const lower = lowerName(field);
    if (!removed.includes(lower)) flat.push(...(left.get(lower) ?? field));
    left.delete(lower);
  }
  for (const field of left.values()) flat.push(...field);
  return flat;
}

const NO_NAMES: readonly string[] = [];

const NAMES_ACCEPT_ENCODING = /(?:^|[\s,])accept-encoding(?:$|[\s,])/i;

function lowerName([name]: Field): string {
  return name.toLowerCase();
}

/** A strong validator names one sequence of bytes, which a variant is not (RFC 9110 section 8.8.3.3). */
export function variantETagOf({ etag }: Entry): string {
  return etag === "" || etag.startsWith("W/") ? etag : `W/${etag}`;
}

export function lengthOf(entry: Entry, variant: Variant | undefined): string {
  return String((variant ?? entry).body.length);
}

const heads = new WeakMap<Entry["headers"], EntryHead>();

/** The head of an entry's header fields, remembered as long as these are. */
export function headOf(entry: Entry): EntryHead {
  const known = entry[HEAD];
  // A copy of an entry has its head, and may have other fields.
  if (known instanceof EntryHead && known.isOf(entry)) return known;
  let head = heads.get(entry.headers);
  if (!head) {
    head = new EntryHead(entry.headers);
    heads.set(entry.headers, head);
  }
  entry[HEAD] = head;
  return head;
}
