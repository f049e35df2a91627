// The entry format: what was encoded comes back, and nothing else is ever taken for an entry.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { decodeEntry, type Entry } from "../../src/codec/entry.js";
import { NEVER_STORED } from "../../src/codec/sendable.js";
import { encoded, FORGERIES, mutation, withChecksum } from "../support/forged-entries.js";

const headerName = fc
  .stringMatching(/^[A-Za-z-]{1,30}$/)
  .filter((name) => !NEVER_STORED.has(name.toLowerCase()));
const latin1 = fc
  .array(
    fc.integer({ min: 0x20, max: 0xff }).filter((code) => code !== 0x7f),
    { maxLength: 60 },
  )
  .map((codes) => String.fromCharCode(...codes));
const etag = fc.oneof(
  fc.constant(""),
  fc.stringMatching(/^(?:W\/)?"[!#-~]{0,40}"$/),
  fc.stringMatching(/^[!#-+.-~]{1,40}$/),
);

const anyEntry: fc.Arbitrary<Entry> = fc
  .record({
    identity: fc.string({ unit: "binary" }),
    fences: latin1,
    times: fc.tuple(fc.nat(), fc.nat(), fc.nat()),
    status: fc.integer({ min: 200, max: 599 }).filter((status) => ![204, 205, 304].includes(status)),
    statusMessage: latin1,
    etag,
    headers: fc.array(fc.tuple(headerName, latin1), { maxLength: 8 }),
    removedHeaders: fc.array(headerName, { maxLength: 4 }),
    body: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
    codings: fc.uniqueArray(fc.constantFrom("br" as const, "gzip" as const, "zstd" as const)),
  })
  .map(({ times: [createdAt, untilStale, untilExpired], codings, ...entry }) => ({
    ...entry,
    // Smaller than the body, as none would be kept otherwise.
    variants:
      entry.body.length < 2 ? [] : codings.map((encoding) => ({ encoding, body: entry.body.subarray(1) })),
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

  const usual: Entry = {
    identity: "i",
    fences: "f",
    createdAt: Date.now(),
    staleAt: Date.now() + 1000,
    expiresAt: Date.now() + 2000,
    status: 200,
    statusMessage: "",
    etag: 'W/"1"',
    headers: [["Content-Type", "text/plain"]],
    removedHeaders: ["x-removed"],
    body: Buffer.from("body"),
    variants: [],
  };

  test("what no response has is refused, whatever the checksum says", () => {
    assert.deepEqual(decodeEntry(encoded(usual)), usual);
    for (const [what, forged] of Object.entries(FORGERIES)) {
      // Whether something was made too late is for whoever knows what time it is.
      if (what === "made in the next year") continue;
      assert.equal(decodeEntry(encoded({ ...usual, ...forged })), undefined, what);
    }
    for (const name of NEVER_STORED) {
      assert.equal(decodeEntry(encoded({ ...usual, headers: [[name.toUpperCase(), "x"]] })), undefined, name);
      assert.equal(decodeEntry(encoded({ ...usual, removedHeaders: [name] })), undefined, name);
    }
  });

  test("refused headers are refused again, and do not make others known", () => {
    const forged: Entry = { ...usual, headers: [["X-Seen-Twice", "a\nb"]] };
    for (let time = 0; time < 3; time++) assert.equal(decodeEntry(encoded(forged)), undefined);
  });

  test("an answer without content has none", () => {
    for (const status of [204, 205, 304]) {
      const empty = { ...usual, status, body: Buffer.alloc(0) };
      assert.equal(decodeEntry(encoded(empty))?.status, status);
    }
  });

  test("ETags as handlers write them are known", () => {
    const known = ['"a"', 'W/"a"', '""', '"a b"', '"\u00e4"', "abc", "2f-1a", "W/abc", ""];
    for (const text of known) assert.equal(decodeEntry(encoded({ ...usual, etag: text }))?.etag, text);
  });

  test("no change of an entry's bytes has it throw", () => {
    fc.assert(
      fc.property(anyEntry, mutation, (entry, mutate) => {
        decodeEntry(mutate(encoded(entry)));
      }),
      { numRuns: 2000 },
    );
  });

  test("lengths that point outside the value are refused", () => {
    const value = encoded({ ...usual, headers: [], removedHeaders: [], etag: "" });
    for (let offset = 4; offset < value.length - 4; offset++) {
      const hostile = Buffer.from(value);
      hostile.writeUInt32BE(0xffff_ffff, offset);
      // With a checksum that fits, so that the lengths themselves are what is refused.
      if (offset >= 12) withChecksum(hostile);
      const decoded = decodeEntry(hostile);
      assert.equal(decoded?.body.toString() ?? "body", "body");
    }
  });
});
