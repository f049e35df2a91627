// The entry format: what was encoded comes back, and nothing else is ever taken for an entry.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { decodeEntry, type Entry, encodeEntry } from "../../cache/codec/entry.js";

const encoded = (entry: Entry) => Buffer.concat(encodeEntry(entry));

const headerName = fc.stringMatching(/^[A-Za-z-]{1,30}$/);
const latin1 = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 60 })
  .map((codes) => String.fromCharCode(...codes));

const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    identity: fc.string({ unit: "binary" }),
    fences: latin1,
    times: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    status: fc.integer({ min: 100, max: 599 }),
    statusMessage: latin1,
    etag: latin1,
    headers: fc.array(fc.tuple(headerName, latin1), { maxLength: 8 }),
    removedHeaders: fc.array(headerName, { maxLength: 4 }),
    body: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
    variants: fc.array(
      fc.record(
        {
          encoding: fc.constantFrom("br" as const, "gzip" as const),
          body: fc.uint8Array({ maxLength: 500 }).map((bytes) => Buffer.from(bytes)),
        },
        { noNullPrototype: true },
      ),
      { maxLength: 2 },
    ),
  })
  .map(({ times: [createdAt, untilStale, untilExpired], ...entry }) => ({
    ...entry,
    // Lone surrogates have no UTF-8 form; identities are made of URLs, which have none.
    identity: Buffer.from(entry.identity, "utf8").toString("utf8"),
    createdAt,
    staleAt: createdAt + untilStale,
    expiresAt: createdAt + untilStale + untilExpired,
  }));

describe("entry format", () => {
  test("decoding is the inverse of encoding", () => {
    fc.assert(fc.property(anyEntry, (entry) => assert.deepEqual(decodeEntry(encoded(entry)), entry)));
  });

  test("every shortened or lengthened value is refused", () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), (entry, cut) => {
        const value = encoded(entry);
        assert.equal(decodeEntry(value.subarray(0, cut % value.length)), undefined);
        assert.equal(decodeEntry(Buffer.concat([value, Buffer.from([0])])), undefined);
      }),
    );
  });

  test("any changed byte is noticed", () => {
    fc.assert(
      fc.property(anyEntry, fc.nat(), fc.integer({ min: 1, max: 255 }), (entry, at, flip) => {
        const value = encoded(entry);
        const index = at % value.length;
        value[index] = (value[index] ?? 0) ^ flip;
        assert.equal(decodeEntry(value), undefined);
      }),
    );
  });

  test("arbitrary bytes are refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) =>
        assert.equal(decodeEntry(Buffer.from(bytes)), undefined),
      ),
    );
  });

  test("lengths that point outside the value are refused", () => {
    const value = encoded({
      identity: "i",
      fences: "f",
      createdAt: 1,
      staleAt: 2,
      expiresAt: 3,
      status: 200,
      statusMessage: "",
      etag: "",
      headers: [],
      removedHeaders: [],
      body: Buffer.from("body"),
      variants: [],
    });
    for (let offset = 4; offset < value.length - 4; offset++) {
      const hostile = Buffer.from(value);
      hostile.writeUInt32BE(0xffff_ffff, offset);
      // With a checksum that fits, so that the lengths themselves are what is refused.
      if (offset >= 12) hostile.writeUInt32BE(crc32(hostile.subarray(12)), 8);
      const decoded = decodeEntry(hostile);
      assert.equal(decoded?.body.toString() ?? "body", "body");
    }
  });
});
