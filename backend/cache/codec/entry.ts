// The entry format: one binary value that holds a response and the identity it was made for.
import { crc32 } from "node:zlib";

/** The body once more, in a content coding that clients may prefer. */
export interface Variant {
  readonly encoding: ContentCoding;
  readonly body: Buffer;
}

export const CONTENT_CODINGS = ["br", "zstd", "gzip"] as const;
/** The preferred one first, where a client does not care: the smallest. */
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

/** A recorded response as the cache keeps it. Times are milliseconds since the epoch. */
export interface Entry {
  /** Tenant, module and canonical request, compared on every read: a key collision is a miss, not a leak. */
  readonly identity: string;
  /** Run id and fence tokens that were current before the handler began, joined; see `engine/fences.ts`. */
  readonly fences: string;
  readonly createdAt: number;
  readonly staleAt: number;
  readonly expiresAt: number;
  readonly status: number;
  readonly statusMessage: string;
  readonly etag: string;
  /** Headers the handler set, with its spelling; a name repeats for each of its values. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Names of earlier headers that the handler removed. */
  readonly removedHeaders: readonly string[];
  readonly body: Buffer;
  /** Made behind the first hit that could have used one. */
  readonly variants: readonly Variant[];
}

const MAGIC = 0x45544301; // "ETC" and the format's version, 1
const PREFIX_BYTES = 12;
const FIXED_HEADER_BYTES = 3 * 8 + 2;

/**
 * Encodes an entry: magic and version, header length, CRC-32 of all that follows, header, body. Numbers are big-endian; strings
 * carry their byte length. Header fields are latin1, as HTTP/1.1 has them on the wire (RFC 9110 section 5.5).
 */
export function encodeEntry(entry: Entry): Buffer {
  const parts: Buffer[] = [];
  const fixed = Buffer.allocUnsafe(FIXED_HEADER_BYTES);
  fixed.writeDoubleBE(entry.createdAt, 0);
  fixed.writeDoubleBE(entry.staleAt, 8);
  fixed.writeDoubleBE(entry.expiresAt, 16);
  fixed.writeUInt16BE(entry.status, 24);
  parts.push(fixed);
  pushText(parts, entry.identity, "utf8");
  pushText(parts, entry.fences, "latin1");
  pushText(parts, entry.statusMessage, "latin1");
  pushText(parts, entry.etag, "latin1");
  pushCount(parts, entry.headers.length);
  for (const [name, value] of entry.headers) {
    pushText(parts, name, "latin1");
    pushText(parts, value, "latin1");
  }
  pushCount(parts, entry.removedHeaders.length);
  for (const name of entry.removedHeaders) pushText(parts, name, "latin1");
  pushCount(parts, entry.body.length);
  pushCount(parts, entry.variants.length);
  for (const variant of entry.variants) {
    pushText(parts, variant.encoding, "latin1");
    pushCount(parts, variant.body.length);
  }

  const headerBytes = parts.reduce((bytes, part) => bytes + part.length, 0);
  const prefix = Buffer.allocUnsafe(PREFIX_BYTES);
  prefix.writeUInt32BE(MAGIC, 0);
  prefix.writeUInt32BE(headerBytes, 4);
  const value = Buffer.concat([prefix, ...parts, entry.body, ...entry.variants.map(({ body }) => body)]);
  value.writeUInt32BE(crc32(value.subarray(PREFIX_BYTES)), 8);
  return value;
}

/**
 * Decodes an entry; `undefined` for anything that {@link encodeEntry} of this version did not write (foreign, cut short, too long, corrupt).
 * Never throws, never reads outside `value`. The body is a view into `value`, not a copy.
 */
export function decodeEntry(value: Buffer): Entry | undefined {
  if (value.length < PREFIX_BYTES + FIXED_HEADER_BYTES || value.readUInt32BE(0) !== MAGIC) return undefined;
  const headerEnd = PREFIX_BYTES + value.readUInt32BE(4);
  if (headerEnd > value.length || value.readUInt32BE(8) !== crc32(value.subarray(PREFIX_BYTES)))
    return undefined;
  try {
    const reader = new Reader(value, PREFIX_BYTES, headerEnd);
    const createdAt = reader.double();
    const staleAt = reader.double();
    const expiresAt = reader.double();
    const status = reader.uint16();
    const identity = reader.text("utf8");
    const fences = reader.text("latin1");
    const statusMessage = reader.text("latin1");
    const etag = reader.text("latin1");
    const headers: [string, string][] = [];
    for (let left = reader.uint32(); left > 0; left--)
      headers.push([reader.text("latin1"), reader.text("latin1")]);
    const removedHeaders: string[] = [];
    for (let left = reader.uint32(); left > 0; left--) removedHeaders.push(reader.text("latin1"));
    const bodyBytes = reader.uint32();
    const body = value.subarray(headerEnd, headerEnd + bodyBytes);
    const variants: Variant[] = [];
    let bodyEnd = headerEnd + bodyBytes;
    for (let left = reader.uint32(); left > 0; left--) {
      const coding = reader.text("latin1");
      const encoding = CONTENT_CODINGS.find((known) => known === coding);
      if (!encoding) return undefined;
      const start = bodyEnd;
      bodyEnd += reader.uint32();
      variants.push({ encoding, body: value.subarray(start, bodyEnd) });
    }
    if (reader.offset !== headerEnd || bodyEnd !== value.length) return undefined;
    if (status < 100 || status > 599 || !(createdAt <= staleAt && staleAt <= expiresAt)) return undefined;
    return {
      identity,
      fences,
      createdAt,
      staleAt,
      expiresAt,
      status,
      statusMessage,
      etag,
      headers,
      removedHeaders,
      body,
      variants,
    };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function pushCount(parts: Buffer[], count: number): void {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(count);
  parts.push(bytes);
}

function pushText(parts: Buffer[], text: string, encoding: "utf8" | "latin1"): void {
  const bytes = Buffer.from(text, encoding);
  pushCount(parts, bytes.length);
  parts.push(bytes);
}

/** Reads the header in order; anything past its end is a RangeError. */
class Reader {
  readonly #value: Buffer;
  readonly #end: number;
  offset: number;

  constructor(value: Buffer, offset: number, end: number) {
    this.#value = value;
    this.offset = offset;
    this.#end = end;
  }

  double(): number {
    return this.#value.readDoubleBE(this.#take(8));
  }

  uint16(): number {
    return this.#value.readUInt16BE(this.#take(2));
  }

  uint32(): number {
    return this.#value.readUInt32BE(this.#take(4));
  }

  text(encoding: "utf8" | "latin1"): string {
    const bytes = this.uint32();
    const start = this.#take(bytes);
    return this.#value.toString(encoding, start, start + bytes);
  }

  #take(bytes: number): number {
    const start = this.offset;
    if (start + bytes > this.#end) throw new RangeError("the header ends early");
    this.offset = start + bytes;
    return start;
  }
}
