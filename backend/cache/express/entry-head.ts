// What an entry's response head is made of: worked out once for each decoded entry, not once for each hit.
import { isCompressible } from "../codec/content-coding.js";
import type { Entry, Variant } from "../codec/entry.js";
import { formatHit } from "./cache-status.js";
import { isSentWithNotModified } from "./conditional.js";

/** A header field, with all its values where its name was repeated. */
export type Field = readonly [name: string, value: string | string[]];

/** Browsers keep a copy but ask each time: a purge reaches them with their next request, which costs a 304. */
export const DEFAULT_CACHE_CONTROL = "private, no-cache";

/** A whole head as `writeHead` takes it, in which a hit only sets what the time decides. */
interface Lines {
  readonly earlier: readonly Field[];
  readonly flat: (string | string[])[];
  readonly ageAt: number;
  ageSeconds: number;
  ttlSeconds: number;
}

export class EntryHead {
  /** Those of the handler, without Vary. */
  readonly fields: readonly Field[];
  /** Those of them that a 304 carries. */
  readonly notModifiedFields: readonly Field[];
  /** The handler's own, and Accept-Encoding where hits may be sent compressed; empty where there is neither. */
  readonly vary: string;
  readonly lastModified: string | undefined;
  readonly hasCacheControl: boolean;
  readonly isCompressible: boolean;
  /** A strong validator names one sequence of bytes, which a variant is not (RFC 9110 section 8.8.3.3). */
  readonly variantETag: string;
  readonly #entry: Entry;
  readonly #contentLength: string;
  #identity: Lines | undefined;

  constructor(entry: Entry) {
    const fields = new Map<string, [name: string, value: string | string[]]>();
    const vary: string[] = [];
    for (const [name, value] of entry.headers) {
      const lower = name.toLowerCase();
      const earlier = fields.get(lower);
      if (lower === "vary") vary.push(value);
      else if (!earlier) fields.set(lower, [name, value]);
      else if (Array.isArray(earlier[1])) earlier[1].push(value);
      else earlier[1] = [earlier[1], value];
    }
    this.isCompressible = isCompressible(entry, entry.body.length);
    // In whichever coding this one is sent (RFC 9110 section 12.5.5).
    if (this.isCompressible && !NAMES_ACCEPT_ENCODING.test(vary.join())) vary.push("Accept-Encoding");
    this.#entry = entry;
    this.fields = [...fields.values()];
    this.notModifiedFields = this.fields.filter(([name]) => isSentWithNotModified(name));
    this.vary = vary.join(", ");
    const lastModified = fields.get("last-modified")?.[1];
    this.lastModified = Array.isArray(lastModified) ? lastModified[0] : lastModified;
    this.hasCacheControl = fields.has("cache-control");
    this.variantETag = entry.etag === "" || entry.etag.startsWith("W/") ? entry.etag : `W/${entry.etag}`;
    this.#contentLength = String(entry.body.length);
  }

  lengthOf(variant: Variant | undefined): string {
    return variant ? String(variant.body.length) : this.#contentLength;
  }

  /**
   * The head of a hit, as names and values in turn. Valid until the next call.
   *
   * @param earlier what is on every response before the cache adds to it
   */
  lines(
    form: "identity" | "not-modified" | Variant,
    earlier: readonly Field[],
    ageSeconds: number,
    ttlSeconds: number,
  ): (string | string[])[] {
    if (form !== "identity") return this.#compose(form, earlier, ageSeconds, ttlSeconds).flat;
    const known = this.#identity;
    if (!known || known.earlier !== earlier) {
      this.#identity = this.#compose(form, earlier, ageSeconds, ttlSeconds);
      return this.#identity.flat;
    }
    if (known.ageSeconds !== ageSeconds) known.flat[known.ageAt] = String(ageSeconds);
    if (known.ttlSeconds !== ttlSeconds) known.flat[known.ageAt + 2] = formatHit(ttlSeconds);
    known.ageSeconds = ageSeconds;
    known.ttlSeconds = ttlSeconds;
    return known.flat;
  }

  /** In the order in which `replay` sets them. */
  #compose(
    form: "identity" | "not-modified" | Variant,
    earlier: readonly Field[],
    ageSeconds: number,
    ttlSeconds: number,
  ): Lines {
    const { etag, status, removedHeaders } = this.#entry;
    const variant = typeof form === "string" ? undefined : form;
    const own = new Map(
      (form === "not-modified" ? this.notModifiedFields : this.fields).map((field) => [
        lowerName(field),
        field,
      ]),
    );
    const flat: (string | string[])[] = [];
    const removed = removedHeaders.map((name) => name.toLowerCase());
    for (const field of earlier) {
      const lower = lowerName(field);
      // What the handler replaced stays in its place, as `setHeader` leaves it.
      const [name, value] = own.get(lower) ?? field;
      if (!removed.includes(lower)) flat.push(name, value);
      own.delete(lower);
    }
    for (const [name, value] of own.values()) flat.push(name, value);
    if (this.vary !== "") flat.push("Vary", this.vary);
    if (etag !== "") flat.push("ETag", variant ? this.variantETag : etag);
    flat.push("Age", String(ageSeconds), "Cache-Status", formatHit(ttlSeconds));
    const ageAt = flat.length - 3;
    if (!this.hasCacheControl) flat.push("Cache-Control", DEFAULT_CACHE_CONTROL);
    if (variant) flat.push("Content-Encoding", variant.encoding);
    if (form !== "not-modified" && status !== 204) flat.push("Content-Length", this.lengthOf(variant));
    return { earlier, flat, ageAt, ageSeconds, ttlSeconds };
  }
}

const NAMES_ACCEPT_ENCODING = /(?:^|[\s,])accept-encoding(?:$|[\s,])/i;

function lowerName([name]: Field): string {
  return name.toLowerCase();
}

const heads = new WeakMap<Entry, EntryHead>();

/** The head of an entry, remembered as long as the entry is. */
export function headOf(entry: Entry): EntryHead {
  let head = heads.get(entry);
  if (!head) {
    head = new EntryHead(entry);
    heads.set(entry, head);
  }
  return head;
}
