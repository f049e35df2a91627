// The entry format: one binary value that holds a response and the identity it was made for.
import { crc32 } from "node:zlib";
import { BoundedMap, ownText } from "../bounded-map.js";
import { MAX_TTL_SECONDS, MAX_VALUE_TTL_SECONDS } from "../ttl-seconds.js";
import { HeaderReader } from "./header-reader.js";
import { hasNoContent, isETag, isFieldText, isStorableName } from "./sendable.js";

/** The body once more, in a content coding that clients may prefer. */
export interface Variant {
  readonly encoding: ContentCoding;
  readonly body: Buffer;
}

export const CONTENT_CODINGS = ["br", "zstd", "gzip"] as const;
/** The preferred one first, where a client does not care: the smallest. */
export type ContentCoding = (typeof CONTENT_CODINGS)[number];

/** Where an entry in memory keeps what its readers have worked out from it. */
export const HEAD = Symbol("head");

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
  /** A field, because a WeakMap costs each entry more, and each hit; never stored. */
  [HEAD]?: object | undefined;
}

/** The same entry with variants. Each field by its name: what an entry in memory has need not be fields. */
export function withVariants(entry: Entry, variants: readonly Variant[]): Entry {
  return {
    identity: entry.identity,
    fences: entry.fences,
    createdAt: entry.createdAt,
    staleAt: entry.staleAt,
    expiresAt: entry.expiresAt,
    status: entry.status,
    statusMessage: entry.statusMessage,
    etag: entry.etag,
    headers: entry.headers,
    removedHeaders: entry.removedHeaders,
    body: entry.body,
    variants,
  };
}

/** @internal */
export const MAGIC = 0x45544301; // "ETC" and the format's version, 1
/** @internal */
export const PREFIX_BYTES = 12;
const FIXED_HEADER_BYTES = 3 * 8 + 2;

/**
 * Encodes an entry: magic and version, header length, CRC-32 of all that follows, header, body. Numbers are
 * big-endian; strings carry their byte length. Header fields are latin1, as HTTP/1.1 has them on the wire
 * (RFC 9110 section 5.5).
 *
 * @returns pieces that follow each other: the bodies are the entry's own, because room for a copy costs more
 *   than all else here
 */
export function encodeEntry(entry: Entry): readonly Buffer[] {
  const { headers, removedHeaders, variants } = entry;
  const identity = Buffer.from(entry.identity, "utf8");
  // All other texts are written at once: each write by itself costs as much.
  let texts = countedText(entry.fences) + countedText(entry.statusMessage) + countedText(entry.etag);
  texts += encodedHeaders(headers) + countText(removedHeaders.length);
  for (const name of removedHeaders) texts += countedText(name);
  texts += countText(entry.body.length) + countText(variants.length);
  for (const { encoding, body } of variants) texts += countedText(encoding) + countText(body.length);
  const headerBytes = FIXED_HEADER_BYTES + 4 + identity.length + texts.length;

  const head = Buffer.allocUnsafe(PREFIX_BYTES + headerBytes);
  head.writeUInt32BE(MAGIC, 0);
  head.writeUInt32BE(headerBytes, 4);
  let offset = PREFIX_BYTES;
  for (const time of [entry.createdAt, entry.staleAt, entry.expiresAt])
    offset = head.writeDoubleBE(time, offset);
  offset = head.writeUInt16BE(entry.status, offset);
  offset = head.writeUInt32BE(identity.length, offset);
  offset += identity.copy(head, offset);
  head.write(texts, offset, "latin1");
  let checksum = crc32(head.subarray(PREFIX_BYTES));
  const bodies = [entry.body, ...variants.map(({ body }) => body)];
  for (const body of bodies) checksum = crc32(body, checksum);
  head.writeUInt32BE(checksum, 8);
  return [head, ...bodies];
}

/**
 * Decodes an entry; `undefined` for anything that {@link encodeEntry} of this version did not write (foreign,
 * cut short, too long, corrupt), and for what no recorder would have had it write, whose checksum may be
 * right: it would be sent, or would throw while it is. Never throws, never reads outside `value`. The body is
 * a view into `value`, not a copy.
 */
export function decodeEntry(value: Buffer): Entry | undefined {
  if (value.length < PREFIX_BYTES + FIXED_HEADER_BYTES || value.readUInt32BE(0) !== MAGIC) return undefined;
  const headerEnd = PREFIX_BYTES + value.readUInt32BE(4);
  if (headerEnd > value.length || value.readUInt32BE(8) !== crc32(value.subarray(PREFIX_BYTES)))
    return undefined;
  try {
    const entry = readEntry(value, headerEnd);
    return entry && isServable(entry) ? entry : undefined;
  } catch {
    // A length that points outside, or a text that is longer than texts can be.
    return undefined;
  }
}

function readEntry(value: Buffer, headerEnd: number): Entry | undefined {
  const reader = new HeaderReader(value, PREFIX_BYTES, headerEnd);
  const createdAt = reader.double();
  const staleAt = reader.double();
  const expiresAt = reader.double();
  const status = reader.uint16();
  const identity = reader.text("utf8");
  const fences = reader.text("latin1");
  const statusMessage = reader.text("latin1");
  const etag = reader.text("latin1");
  const headers = readHeaders(reader);
  if (!headers) return undefined;
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
}

/** The longest TTL, and what may be served stale after it. */
const MAX_LIFETIME_MS = (MAX_VALUE_TTL_SECONDS + MAX_TTL_SECONDS) * 1000;

/** Whether it may be sent as it is. Its headers were looked at when they were read. */
function isServable(entry: Entry): boolean {
  const { createdAt, staleAt, expiresAt, status, statusMessage, etag, removedHeaders, body, variants } =
    entry;
  // Written so that NaN fails.
  if (!(createdAt >= 0 && createdAt <= staleAt && staleAt <= expiresAt)) return false;
  if (!(expiresAt - createdAt <= MAX_LIFETIME_MS)) return false;
  // 1xx is no answer (RFC 9110 section 15.2).
  if (!(status >= 200 && status <= 599)) return false;
  if (hasNoContent(status) && (body.length > 0 || variants.length > 0)) return false;
  if (!isETag(etag) || (statusMessage !== "" && !isFieldText(statusMessage))) return false;
  for (const name of removedHeaders) if (!isStorableName(name)) return false;
  return variants.length === 0 || areVariantsOf(body, variants);
}

/** One for each coding, each of them smaller than the body: others are not kept. */
function areVariantsOf(body: Buffer, variants: readonly Variant[]): boolean {
  const codings = new Set(variants.map(({ encoding }) => encoding));
  return (
    codings.size === variants.length &&
    variants.every((variant) => variant.body.length > 0 && variant.body.length < body.length)
  );
}

/**
 * Header fields of handlers repeat: the last of them are kept once, and looked at and worked out from once
 * for each. By their encoded text.
 */
const MAX_SHARED_CHARACTERS = 2 * 1024 * 1024;
const MAX_SHARED_BYTES = 4096;
const sharedHeaders = new BoundedMap<Entry["headers"]>({
  maxCharacters: MAX_SHARED_CHARACTERS,
  maxEntryCharacters: 2 * MAX_SHARED_BYTES,
  charactersOf: headerCharacters,
});

function readHeaders(reader: HeaderReader): Entry["headers"] | undefined {
  const start = reader.offset;
  const count = reader.uint32();
  for (let left = 2 * count; left > 0; left--) reader.skipText();
  const text = reader.offset - start <= MAX_SHARED_BYTES ? reader.latin1Since(start) : undefined;
  const known = text === undefined ? undefined : sharedHeaders.get(text);
  if (known) return known;
  reader.offset = start + 4;
  const headers: [string, string][] = [];
  for (let left = count; left > 0; left--) {
    const name = reader.text("latin1");
    const field = reader.text("latin1");
    if (!isStorableName(name) || !isFieldText(field)) return undefined;
    headers.push([name, field]);
  }
  if (text !== undefined) sharedHeaders.set(text, headers);
  return headers;
}

/**
 * The same header fields as other entries have, kept once; or a copy, which keeps nothing alive that a
 * handler's texts are parts of.
 */
export function sharedHeadersOf(headers: Entry["headers"]): Entry["headers"] {
  if (headers.length === 0) return NO_HEADERS;
  const text = encodedHeaders(headers);
  const isShared = text.length <= MAX_SHARED_BYTES;
  const known = isShared ? sharedHeaders.get(text) : undefined;
  if (known) return known;
  const own = headers.map(([name, value]) => [ownText(name), ownText(value)] as const);
  if (isShared) sharedHeaders.set(text, own);
  return own;
}

const NO_HEADERS: Entry["headers"] = [];

/** As {@link encodeEntry} writes them, one character for each byte. */
function encodedHeaders(headers: Entry["headers"]): string {
  let text = countText(headers.length);
  for (const [name, value] of headers) text += countedText(name) + countedText(value);
  return text;
}

function countedText(text: string): string {
  return countText(text.length) + text;
}

function countText(count: number): string {
  return String.fromCharCode(count >>> 24, (count >>> 16) & 0xff, (count >>> 8) & 0xff, count & 0xff);
}

/** Of names and values. */
export function headerCharacters(headers: Entry["headers"]): number {
  return headers.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
}
