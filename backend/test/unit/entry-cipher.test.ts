// The bytes of sealed values: as documented, bound to what they are for, and to their key.
import assert from "node:assert/strict";
import { createDecipheriv, createHash, hkdfSync, randomBytes, randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { type EntryKey, keyIdsOf, openEntry, sealEntry } from "../../services/subjects/entry-cipher.js";
import { type GcmKey, opensUnderBoth } from "../support/two-key-gcm.js";

const BINDING = { tenantId: "aaaaaaaa-0000-4000-8000-000000000001", context: "client:1" };
const TEXT = Buffer.from("what nobody else may read");

const keysOf = (count: number): EntryKey[] =>
  Array.from({ length: count }, () => ({ id: randomUUID(), key: randomBytes(32) })).sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
const secretsOf = (keys: readonly EntryKey[]) => keys.map(({ key }) => key);

/** Length before text, as docs/crm/subjects.md says. */
const counted = (text: string) => {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const INFO = Buffer.concat([counted("sealed-entry"), counted(BINDING.tenantId), counted(BINDING.context)]);

/** The derivation, written once more from its description. */
function derived(keys: readonly EntryKey[], sealed: Buffer): GcmKey & { readonly commitment: Buffer } {
  const saltAt = 3 + 16 * keys.length;
  const context = createHash("sha256").update(sealed.subarray(0, saltAt)).update(INFO).digest();
  const bytes = Buffer.from(
    hkdfSync("sha256", Buffer.concat(secretsOf(keys)), sealed.subarray(saltAt, saltAt + 32), context, 76),
  );
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32, 44), commitment: bytes.subarray(44) };
}

function gcmOpens({ key, iv }: GcmKey, aad: Buffer, sealed: Buffer): boolean {
  const decipher = createDecipheriv("aes-256-gcm", key, iv).setAAD(aad).setAuthTag(sealed.subarray(-16));
  try {
    decipher.update(sealed.subarray(0, -16));
    decipher.final();
    return true;
  } catch {
    return false;
  }
}

describe("sealed values", () => {
  test("any bytes open again under the same keys, in whatever order these came", () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 1, max: 64 }),
      (bytes, count) => {
        const keys = keysOf(count);
        const sealed = sealEntry(BINDING, [...keys].reverse(), Buffer.from(bytes));
        assert.deepEqual(
          keyIdsOf(sealed),
          keys.map(({ id }) => id),
        );
        assert.deepEqual(openEntry(BINDING, secretsOf(keys), sealed), Buffer.from(bytes));
      },
    );
    fc.assert(property, { numRuns: 60 });
  });

  test("the same bytes sealed twice have nothing in common but their form", () => {
    const [key] = keysOf(1);
    assert.ok(key);
    const [one, other] = [sealEntry(BINDING, [key], TEXT), sealEntry(BINDING, [key], TEXT)];
    assert.deepEqual(one.subarray(0, 19), other.subarray(0, 19));
    for (let at = 19; at + 8 <= one.length; at += 8)
      assert.notDeepEqual(one.subarray(at, at + 8), other.subarray(at, at + 8));
  });

  test("they are as the documentation says", () => {
    const keys = keysOf(2);
    const sealed = sealEntry(BINDING, keys, TEXT);
    const { commitment, ...key } = derived(keys, sealed);
    const header = sealed.subarray(0, 3 + 32 + 32 + 32);
    assert.deepEqual([...header.subarray(0, 3)], [0xe5, 1, 2]);
    assert.deepEqual(header.subarray(-32), commitment);
    assert.ok(gcmOpens(key, Buffer.concat([header, INFO]), sealed.subarray(header.length)));
  });

  test("any change, anywhere, and they open no more; nothing is thrown", () => {
    const keys = keysOf(3);
    const sealed = sealEntry(BINDING, keys, TEXT);
    const opens = (bytes: Buffer) => {
      const ids = keyIdsOf(bytes);
      const known = ids?.map((id) => keys.find((key) => key.id === id)?.key ?? randomBytes(32));
      return known !== undefined && Buffer.isBuffer(openEntry(BINDING, known, bytes));
    };
    assert.ok(opens(sealed));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(opens(changed), false, `bit ${bit}`);
    }
    for (let length = 0; length < sealed.length; length += 1)
      assert.equal(opens(sealed.subarray(0, length)), false, `${length} bytes`);
    assert.equal(opens(Buffer.concat([sealed, Buffer.of(0)])), false);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => !opens(Buffer.from(bytes))));
  });

  test("no other tenant, context or set of subjects opens them", () => {
    const keys = keysOf(2);
    const sealed = sealEntry(BINDING, keys, TEXT);
    assert.equal(openEntry({ ...BINDING, context: "client:2" }, secretsOf(keys), sealed), "key");
    assert.equal(openEntry({ ...BINDING, tenantId: randomUUID() }, secretsOf(keys), sealed), "key");
    // The line between tenant and context is part of what is bound.
    const moved = { tenantId: `${BINDING.tenantId}c`, context: BINDING.context.slice(1) };
    assert.equal(openEntry(moved, secretsOf(keys), sealed), "key");
    assert.equal(openEntry(BINDING, secretsOf(keys).reverse(), sealed), "key");
    for (const index of [0, 1]) {
      const others = secretsOf(keys).with(index, randomBytes(32));
      assert.equal(openEntry(BINDING, others, sealed), "key");
    }
  });

  test("bytes that AES-GCM opens under two keys open under the one that they commit to", () => {
    const [mine, others] = [keysOf(1), keysOf(1).map(({ key }) => ({ id: "", key }))];
    const real = sealEntry(BINDING, mine, TEXT);
    const header = real.subarray(0, 3 + 16 + 32 + 32);
    const aad = Buffer.concat([header, INFO]);
    const [first, second] = [derived(mine, real), derived(others, real)];
    const forged = opensUnderBoth(first, second, aad);
    assert.ok(gcmOpens(first, aad, forged) && gcmOpens(second, aad, forged), "GCM alone takes both");
    const sealed = Buffer.concat([header, forged]);
    assert.ok(Buffer.isBuffer(openEntry(BINDING, secretsOf(mine), sealed)));
    assert.equal(openEntry(BINDING, secretsOf(others), sealed), "key");
    // Committing to the other instead changes what is authenticated, and shuts out the first.
    const turned = Buffer.concat([header.subarray(0, -32), second.commitment, forged]);
    assert.equal(openEntry(BINDING, secretsOf(mine), turned), "key");
    assert.equal(openEntry(BINDING, secretsOf(others), turned), "bytes");
  });
});
