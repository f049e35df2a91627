// Encrypted entries: they open under their own key name only, and keys can be rotated.
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { createSealer, PLAIN, type Sealer } from "../../src/codec/encryption.js";
import { createTenantCache } from "../../src/index.js";

const key = (id: string) => ({ id, secret: randomBytes(32) });
const bytes = fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array));

/** In two pieces, as entries come, and out of however many there are. */
function seal(sealer: Sealer, name: string, value: Buffer): Buffer {
  const middle = value.length >> 1;
  return Buffer.concat(sealer.seal(name, [value.subarray(0, middle), value.subarray(middle)]));
}

describe("encryption", () => {
  test("what was sealed opens, and does not show what is in it", () => {
    const sealer = createSealer([key("a")]);
    fc.assert(
      fc.property(bytes, fc.string(), (value, name) =>
        assert.deepEqual(sealer.open(name, seal(sealer, name, value)), value),
      ),
    );
    assert.equal(seal(sealer, "k", Buffer.from("confidential")).includes("confidential"), false);
    assert.notDeepEqual(
      seal(sealer, "k", Buffer.from("v")),
      seal(sealer, "k", Buffer.from("v")),
      "no salt is used twice",
    );
  });

  test("an entry moved to another key, changed, cut short or foreign does not open", () => {
    const sealer = createSealer([key("a")]);
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const sealed = seal(sealer, "tenant:1", value);
        assert.equal(sealer.open("tenant:2", sealed), undefined);
        assert.equal(sealer.open("tenant:1", sealed.subarray(0, at % sealed.length)), undefined);
        const index = at % sealed.length;
        sealed[index] = (sealed[index] ?? 0) ^ flip;
        // One bit makes the mark of this format that of the first.
        assert.ok(!Buffer.isBuffer(sealer.open("tenant:1", sealed)));
        assert.equal(sealer.open("tenant:1", value), undefined);
      }),
    );
  });

  const ID_BYTES = 1;
  const SALT_AT = 4 + 1 + ID_BYTES;
  const COMMITMENT_AT = SALT_AT + 32;
  const TAG_AT = COMMITMENT_AT + 32;

  test("each value has a key of its own", () => {
    const sealer = createSealer([key("a")]);
    const salts = new Set<string>();
    for (let n = 0; n < 1000; n++) {
      const sealed = seal(sealer, "k", Buffer.from("v"));
      salts.add(sealed.toString("latin1", SALT_AT, COMMITMENT_AT));
      const other = seal(sealer, "k", Buffer.from("v"));
      // The ciphertext and tag of one under the salt and commitment of another.
      const mixed = Buffer.concat([sealed.subarray(0, TAG_AT), other.subarray(TAG_AT)]);
      assert.equal(sealer.open("k", mixed), undefined);
    }
    assert.equal(salts.size, 1000);
  });

  test("a value commits to its key: where that is not the key that it was sealed with, nothing is opened", () => {
    const sealer = createSealer([key("a")]);
    const sealed = seal(sealer, "k", Buffer.from("v"));
    assert.deepEqual(sealer.open("k", sealed), Buffer.from("v"));
    for (let at = COMMITMENT_AT; at < TAG_AT; at++) {
      const forged = Buffer.from(sealed);
      forged[at] = (forged[at] ?? 0) ^ 1;
      assert.equal(sealer.open("k", forged), undefined, "AES-GCM alone would open it");
    }
    // The same, where the key is remembered from before and where it is not.
    const forgotten = createSealer([{ id: "a", secret: randomBytes(32) }]);
    assert.equal(forgotten.open("k", sealed), undefined);
  });

  test("what is left of a tag is no tag", () => {
    const sealer = createSealer([key("a")]);
    const sealed = seal(sealer, "k", Buffer.alloc(0));
    assert.equal(sealed.length, TAG_AT + 16);
    for (let length = TAG_AT; length < sealed.length; length++)
      assert.equal(sealer.open("k", sealed.subarray(0, length)), undefined, `${length - TAG_AT} bytes of it`);
  });

  test("what opened once opens again, also when thousands have been opened since", () => {
    const sealer = createSealer([key("a")]);
    const first = seal(sealer, "k", Buffer.from("first"));
    for (let n = 0; n < 2500; n++) {
      const value = Buffer.from(String(n));
      const sealed = seal(sealer, "k", value);
      assert.deepEqual(sealer.open("k", sealed), value);
      assert.deepEqual(sealer.open("k", sealed), value);
    }
    assert.deepEqual(sealer.open("k", first), Buffer.from("first"));
  });

  test("what was sealed before encryption was switched off is outdated, not damaged", () => {
    const sealed = createSealer([{ id: "a", secret: randomBytes(32) }]).seal("k", [Buffer.from("an entry")]);
    assert.equal(PLAIN.open("k", Buffer.concat(sealed)), "outdated");
    const plain = Buffer.from("an entry");
    assert.equal(PLAIN.open("k", plain), plain);
  });

  test("what the first version of the format sealed is outdated, not damaged", () => {
    const { id, secret } = key("a");
    const iv = randomBytes(12);
    const cipher = createCipheriv("aes-256-gcm", secret, iv);
    cipher.setAAD(Buffer.from("k"));
    const ciphertext = Buffer.concat([cipher.update("v"), cipher.final()]);
    const sealed = Buffer.concat([Buffer.from(`ETCX\u0001${id}`), iv, cipher.getAuthTag(), ciphertext]);
    assert.equal(createSealer([{ id, secret }]).open("k", sealed), "outdated");
    assert.equal(createSealer([{ id, secret }]).open("k", Buffer.from("plain and long enough")), undefined);
    assert.equal(PLAIN.open("k", sealed), "outdated");
  });

  test("seals are counted for the key that seals", () => {
    const sealer = createSealer([key("young"), key("old")]);
    assert.deepEqual(sealer.sealed, { keyId: "young", seals: 0 });
    const sealed = seal(sealer, "k", Buffer.from("v"));
    sealer.open("k", sealed);
    seal(sealer, "k", Buffer.from("v"));
    assert.deepEqual(sealer.sealed, { keyId: "young", seals: 2 });
  });

  test("after a rotation old entries open with the old key and not without it", () => {
    const [old, young] = [key("old"), key("young")];
    const sealed = seal(createSealer([old]), "k", Buffer.from("v"));
    assert.deepEqual(createSealer([young, old]).open("k", sealed), Buffer.from("v"));
    assert.equal(createSealer([young]).open("k", sealed), "outdated", "gone with its key, not damaged");
    assert.equal(createSealer([{ ...young, id: "old" }]).open("k", sealed), undefined);
  });

  test("keys of another length are refused when the cache is made", () => {
    const make = (secret: Buffer) =>
      createTenantCache({ tenant: () => undefined, encryption: { keys: [{ id: "a", secret }] } });
    assert.throws(() => make(randomBytes(16)), { code: "ETC_OPTIONS", message: /32 bytes/ });
  });

  test("two keys of one id are refused when the cache is made", () => {
    const encryption = { keys: [key("a"), key("b"), key("a")] };
    assert.throws(() => createTenantCache({ tenant: () => undefined, encryption }), {
      code: "ETC_OPTIONS",
      message: /different id for each key/,
    });
  });
});
