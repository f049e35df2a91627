// What an entry's response head is made of: worked out once for each decoded entry, not once for each hit.
import { isCompressible } from "../codec/content-coding.js";
import type { Entry } from "../codec/entry.js";
import { isSentWithNotModified } from "./conditional.js";

/** A header field, with all its values where its name was repeated. */
export type Field = readonly [name: string, value: string | string[]];

export interface EntryHead {
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
  readonly contentLength: string;
}

const heads = new WeakMap<Entry, EntryHead>();

/** The head of an entry, remembered as long as the entry is. */
export function headOf(entry: Entry): EntryHead {
  let head = heads.get(entry);
  if (!head) {
    head = makeHead(entry);
    heads.set(entry, head);
  }
  return head;
}

function makeHead(entry: Entry): EntryHead {
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
  const compressible = isCompressible(entry, entry.body.length);
  // Compressible bodies vary by what the client accepts, in whichever coding this one is sent (RFC 9110 section 12.5.5).
  if (compressible && !/(?:^|[\s,])accept-encoding(?:$|[\s,])/i.test(vary.join(",")))
    vary.push("Accept-Encoding");
  const all = [...fields.values()];
  const lastModified = fields.get("last-modified")?.[1];
  return {
    fields: all,
    notModifiedFields: all.filter(([name]) => isSentWithNotModified(name)),
    vary: vary.join(", "),
    lastModified: Array.isArray(lastModified) ? lastModified[0] : lastModified,
    hasCacheControl: fields.has("cache-control"),
    isCompressible: compressible,
    variantETag: entry.etag === "" || entry.etag.startsWith("W/") ? entry.etag : `W/${entry.etag}`,
    contentLength: String(entry.body.length),
  };
}
