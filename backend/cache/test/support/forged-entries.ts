// Entries as somebody else may have written them: whole, with a checksum that fits, and with what no response has.
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { type Entry, encodeEntry } from "../../src/codec/entry.js";

const MAGIC_BYTES = 4;
const CHECKSUM_AT = 8;
const PREFIX_BYTES = 12;

/** The bytes of an entry in one piece. */
export function encoded(entry: Entry): Buffer {
  return Buffer.concat(encodeEntry(entry));
}

/** The same bytes with the checksum that they should have. */
export function withChecksum(value: Buffer): Buffer {
  if (value.length >= PREFIX_BYTES) value.writeUInt32BE(crc32(value.subarray(PREFIX_BYTES)), CHECKSUM_AT);
  return value;
}

/** What one of these is put into must not be served. By what is wrong. */
export const FORGERIES: Readonly<Record<string, Partial<Entry>>> = {
  "a header name with a blank": { headers: [["Bad Name", "x"]] },
  "a header without a name": { headers: [["", "x"]] },
  "a header name with a line break": { headers: [["X-Bad\r\nX-Other", "x"]] },
  "a header value with a line break": { headers: [["X-Bad", "a\r\nX-Other: b"]] },
  "a header value with a control character": { headers: [["X-Bad", "a\u0000b"]] },
  "a cookie": { headers: [["Set-Cookie", "session=stolen"]] },
  "a cookie in small letters": { headers: [["set-cookie", "session=stolen"]] },
  "Transfer-Encoding": { headers: [["Transfer-Encoding", "chunked"]] },
  "a length of its own": { headers: [["Content-Length", "3"]] },
  Connection: { headers: [["Connection", "close"]] },
  "Keep-Alive": { headers: [["Keep-Alive", "timeout=5"]] },
  Trailer: { headers: [["Trailer", "X-Later"]] },
  Upgrade: { headers: [["Upgrade", "h2c"]] },
  TE: { headers: [["TE", "trailers"]] },
  "Proxy-Authenticate": { headers: [["Proxy-Authenticate", "Basic"]] },
  "Content-Range": { headers: [["Content-Range", "bytes 0-1/9"]] },
  "an age of its own": { headers: [["Age", "7"]] },
  "a Cache-Status of its own": { headers: [["Cache-Status", "other; hit"]] },
  "an ETag among the headers": { headers: [["ETag", '"other"']] },
  "a removed header that is no name": { removedHeaders: ["Bad Name"] },
  "a removed cookie": { removedHeaders: ["set-cookie"] },
  "status 0": { status: 0 },
  "status 100": { status: 100 },
  "status 101": { status: 101 },
  "status 103": { status: 103 },
  "status 600": { status: 600 },
  "status 999": { status: 999 },
  "204 with a body": { status: 204 },
  "205 with a body": { status: 205 },
  "304 with a body": { status: 304 },
  "a status message with a line break": { statusMessage: "OK\r\nX-Other: b" },
  "a status message with a control character": { statusMessage: "O\u007fK" },
  "an ETag with a line break": { etag: '"a\r\nX-Other: b"' },
  "an ETag that is a list": { etag: '"a", "b"' },
  "an ETag that does not end": { etag: '"a' },
  "times that are none": { createdAt: Number.NaN },
  "no end": { expiresAt: Number.POSITIVE_INFINITY },
  "an end in a thousand years": { expiresAt: Date.now() + 1000 * 365 * 86_400_000 },
  "stale before it was made": { staleAt: 1 },
  "made in the next year": {
    createdAt: Date.now() + 365 * 86_400_000,
    staleAt: Date.now() + 366 * 86_400_000,
    expiresAt: Date.now() + 366 * 86_400_000,
  },
  "a variant without bytes": { variants: [{ encoding: "br", body: Buffer.alloc(0) }] },
  "a variant that is larger than the body": { variants: [{ encoding: "gzip", body: Buffer.alloc(100_000) }] },
  "a coding twice": {
    variants: [
      { encoding: "br", body: Buffer.from("x") },
      { encoding: "br", body: Buffer.from("y") },
    ],
  },
  "a coding that nobody knows": { variants: [{ encoding: "lzma" as "br", body: Buffer.from("x") }] },
};

/** A change of an entry's bytes, as damage or as somebody's intent; the checksum fits again. */
export const mutation: fc.Arbitrary<(value: Buffer) => Buffer> = fc.oneof(
  fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => (value: Buffer) => {
    const index = MAGIC_BYTES + (at % (value.length - MAGIC_BYTES));
    value[index] = (value[index] ?? 0) ^ flip;
    return withChecksum(value);
  }),
  fc
    .tuple(fc.nat(), fc.constantFrom("\r", "\n", "\0", " ", ":", ",", '"', "\u007f", "\u00ff", "a", "0"))
    .map(([at, character]) => (value: Buffer) => {
      value.write(character, PREFIX_BYTES + (at % (value.length - PREFIX_BYTES)), "latin1");
      return withChecksum(value);
    }),
  fc
    .tuple(fc.nat(), fc.constantFrom(0, 1, 3, 100, 204, 0x7fff_ffff, 0xffff_ffff))
    .map(([at, number]) => (value: Buffer) => {
      value.writeUInt32BE(number, MAGIC_BYTES + (at % (value.length - MAGIC_BYTES - 4)));
      return withChecksum(value);
    }),
  fc.tuple(fc.nat(), fc.nat({ max: 40 })).map(([at, bytes]) => (value: Buffer) => {
    const start = PREFIX_BYTES + (at % (value.length - PREFIX_BYTES));
    return withChecksum(Buffer.concat([value.subarray(0, start), value.subarray(start + bytes)]));
  }),
);
