// Encrypted entries: they open under their own key name only, and keys can be rotated.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSealer, type Sealer } from "../../cache/codec/encryption.js";
import { createTenantCache } from "../../cache/index.js";

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
      "no IV is used twice",
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
        assert.equal(sealer.open("tenant:1", sealed), undefined);
        assert.equal(sealer.open("tenant:1", value), undefined);
      }),
    );
  });

  test("after a rotation old entries open with the old key and not without it", () => {
    const [old, young] = [key("old"), key("young")];
    const sealed = seal(createSealer([old]), "k", Buffer.from("v"));
    assert.deepEqual(createSealer([young, old]).open("k", sealed), Buffer.from("v"));
    assert.equal(createSealer([young]).open("k", sealed), undefined);
    assert.equal(createSealer([{ ...young, id: "old" }]).open("k", sealed), undefined);
  });

  test("keys of another length are refused when the cache is made", () => {
    const make = (secret: Buffer) =>
      createTenantCache({ tenant: () => undefined, encryption: { keys: [{ id: "a", secret }] } });
    assert.throws(() => make(randomBytes(16)), { code: "ETC_OPTIONS", message: /32 bytes/ });
  });
});
