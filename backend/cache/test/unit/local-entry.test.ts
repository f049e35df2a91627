// An entry as the process keeps it says what the stored one says, whatever its times are.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import fc from "fast-check";
import { decodeEntry, type Entry, encodeEntry, withVariants } from "../../src/codec/entry.js";
import { LocalEntry } from "../../src/engine/local-entry.js";

const time = fc.oneof(
  fc.integer({ min: Date.now() - 60_000, max: Date.now() + 60_000 }),
  fc.integer({ min: 0, max: 4_102_444_800_000 }),
);

const fields = {
  identity: "t accounts []",
  fences: "run,a,b",
  status: 203,
  statusMessage: "Found elsewhere",
  etag: '"a"',
  headers: [["Link", "</a>"]] as const,
  removedHeaders: ["X-Powered-By"],
  body: Buffer.from("a body"),
  variants: [{ encoding: "br" as const, body: Buffer.from("b") }],
};

function localOf(entry: Entry): LocalEntry {
  const carried = { joined: entry.fences, runId: "run", fences: ["a", "b"] };
  return new LocalEntry(entry.identity, carried, entry, entry.body, entry.variants);
}

/** What is read of an entry, whether it is a field or not. */
function read(entry: Entry): Entry {
  return withVariants(entry, entry.variants);
}

test("all that an entry says is kept", () => {
  fc.assert(
    fc.property(time, time, time, (createdAt, staleAt, expiresAt) => {
      const entry = { ...fields, createdAt, staleAt, expiresAt };
      assert.deepEqual(read(localOf(entry)), entry);
    }),
  );
});

test("an entry of the process is stored again with variants, and nothing is lost", () => {
  const nowMs = Date.now();
  const entry = { ...fields, createdAt: nowMs, staleAt: nowMs + 1000, expiresAt: nowMs + 2000, status: 200 };
  const variants = [{ encoding: "gzip" as const, body: Buffer.from("g") }];
  const stored = decodeEntry(Buffer.concat(encodeEntry(withVariants(localOf(entry), variants))));
  assert.deepEqual(stored, { ...entry, variants });
});
