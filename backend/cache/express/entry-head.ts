// What an entry's response head is made of: worked out once for each decoded entry, not once for each hit.
import { isCompressible } from "../codec/content-coding.js";
import { type Entry, HEAD, type Variant } from "../codec/entry.js";
import { formatHit } from "./cache-status.js";
import { isSentWithNotModified } from "./conditional.js";

/** A header field, with all its values where its name was repeated. */
export type Field = readonly [name: string, value: string | string[]];

/** Browsers keep a copy but ask each time: a purge reaches them with their next request, which costs a 304. */
export const DEFAULT_CACHE_CONTROL = "private, no-cache";

/** Nothing of a response's head is there before the cache writes it. */
export const NOTHING_EARLIER: readonly Field[] = [];

/** What of an entry is sent: its body as it came, none of it, or a variant. */
export type Form = "identity" | "not-modified" | Variant;

/** A whole head as `writeHead` takes it, in which a hit only sets what the time decides. */
interface Lines {
  readonly form: Form;
  readonly earlier: readonly Field[];
  readonly flat: (string | string[])[];
  readonly ageAt: number;
  ageSeconds: number;
  ttlSeconds: number;
}

/** What follows from the handler's headers alone: the same for the many entries that share them. */
class HandlerFields {
  readonly all: readonly Field[];
  /** Those of them that a 304 carries. */
  readonly withNotModified: readonly Field[];
  readonly vary: string;
  readonly varyWithEncoding: string;
  readonly lastModified: string | undefined;
  readonly hasCacheControl: boolean;

  constructor(headers: Entry["headers"]) {
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
    this.all = [...fields.values()];
    this.withNotModified = this.all.filter(([name]) => isSentWithNotModified(name));
    this.vary = vary.join(", ");
    const isNamed = NAMES_ACCEPT_ENCODING.test(this.vary);
    this.varyWithEncoding = isNamed ? this.vary : [...vary, "Accept-Encoding"].join(", ");
    const lastModified = fields.get("last-modified")?.[1];
    this.lastModified = Array.isArray(lastModified) ? lastModified[0] : lastModified;
    this.hasCacheControl = fields.has("cache-control");
  }
}

/** As it came, not modified, and in one coding. */
const MAX_LINES = 3;
const NO_LINES: readonly Lines[] = [];

export class EntryHead {
  readonly isCompressible: boolean;
  readonly #entry: Entry;
  readonly #own: HandlerFields;
  /** The last of them, the youngest first. */
  #known: readonly Lines[] = NO_LINES;

  constructor(entry: Entry) {
    this.#entry = entry;
    this.#own = handlerFieldsOf(entry.headers);
    this.isCompressible = isCompressible(entry, entry.body.length);
  }

  isOf(entry: Entry): boolean {
    return this.#entry === entry;
  }

  /** Those of the handler, without Vary. */
  get fields(): readonly Field[] {
    return this.#own.all;
  }

  /** Those of them that a 304 carries. */
  get notModifiedFields(): readonly Field[] {
    return this.#own.withNotModified;
  }

  /**
   * The handler's own, and Accept-Encoding where hits may be sent compressed, in whichever coding this one is sent (RFC 9110 section
   * 12.5.5); empty where there is neither.
   */
  get vary(): string {
    return this.isCompressible ? this.#own.varyWithEncoding : this.#own.vary;
  }

  get lastModified(): string | undefined {
    return this.#own.lastModified;
  }

  get hasCacheControl(): boolean {
    return this.#own.hasCacheControl;
  }

  /** A strong validator names one sequence of bytes, which a variant is not (RFC 9110 section 8.8.3.3). */
  get variantETag(): string {
    const { etag } = this.#entry;
    return etag === "" || etag.startsWith("W/") ? etag : `W/${etag}`;
  }

  lengthOf(variant: Variant | undefined): string {
    return String(variant ? variant.body.length : this.#entry.body.length);
  }

  /**
   * The head of a hit, as names and values in turn. Valid until the next call.
   *
   * @param earlier what is on every response before the cache adds to it
   */
  lines(
    form: Form,
    earlier: readonly Field[],
    ageSeconds: number,
    ttlSeconds: number,
  ): (string | string[])[] {
    for (const known of this.#known) {
      if (known.form !== form || known.earlier !== earlier) continue;
      if (known.ageSeconds !== ageSeconds) known.flat[known.ageAt] = String(ageSeconds);
      if (known.ttlSeconds !== ttlSeconds) known.flat[known.ageAt + 2] = formatHit(ttlSeconds);
      known.ageSeconds = ageSeconds;
      known.ttlSeconds = ttlSeconds;
      return known.flat;
    }
    const lines = this.#compose(form, earlier, ageSeconds, ttlSeconds);
    this.#known = [lines, ...this.#known.slice(0, MAX_LINES - 1)];
    return lines.flat;
  }

  /** In the order in which `replay` sets them. */
  #compose(form: Form, earlier: readonly Field[], ageSeconds: number, ttlSeconds: number): Lines {
    const { etag, status } = this.#entry;
    const variant = typeof form === "string" ? undefined : form;
    const own = form === "not-modified" ? this.notModifiedFields : this.fields;
    const flat = earlier.length === 0 ? own.flat() : this.#withEarlier(own, earlier);
    if (this.vary !== "") flat.push("Vary", this.vary);
    if (etag !== "") flat.push("ETag", variant ? this.variantETag : etag);
    flat.push("Age", String(ageSeconds), "Cache-Status", formatHit(ttlSeconds));
    const ageAt = flat.length - 3;
    if (!this.hasCacheControl) flat.push("Cache-Control", DEFAULT_CACHE_CONTROL);
    if (variant) flat.push("Content-Encoding", variant.encoding);
    if (form !== "not-modified" && status !== 204) flat.push("Content-Length", this.lengthOf(variant));
    return { form, earlier, flat, ageAt, ageSeconds, ttlSeconds };
  }

  /** What the handler replaced stays in its place, as `setHeader` leaves it. */
  #withEarlier(own: readonly Field[], earlier: readonly Field[]): (string | string[])[] {
    const left = new Map(own.map((field) => [lowerName(field), field]));
    const removed = this.#entry.removedHeaders.map((name) => name.toLowerCase());
    const flat: (string | string[])[] = [];
    for (const field of earlier) {
      const lower = lowerName(field);
      if (!removed.includes(lower)) flat.push(...(left.get(lower) ?? field));
      left.delete(lower);
    }
    for (const field of left.values()) flat.push(...field);
    return flat;
  }
}

const NAMES_ACCEPT_ENCODING = /(?:^|[\s,])accept-encoding(?:$|[\s,])/i;

function lowerName([name]: Field): string {
  return name.toLowerCase();
}

const handlerFields = new WeakMap<Entry["headers"], HandlerFields>();

function handlerFieldsOf(headers: Entry["headers"]): HandlerFields {
  let fields = handlerFields.get(headers);
  if (!fields) {
    fields = new HandlerFields(headers);
    handlerFields.set(headers, fields);
  }
  return fields;
}

/** The head of an entry, remembered as long as the entry is. */
export function headOf(entry: Entry): EntryHead {
  const known = entry[HEAD];
  // A copy of an entry has its head, which may be of another body.
  if (known instanceof EntryHead && known.isOf(entry)) return known;
  const head = new EntryHead(entry);
  entry[HEAD] = head;
  return head;
}
