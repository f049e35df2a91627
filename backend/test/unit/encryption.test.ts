// Encrypted entries: they open under their own key name only, and keys can be rotated.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import fc from "fast-check";
import { createSealer } from "../../cache/codec/encryption.js";
import { createTenantCache } from "../../cache/index.js";

const key = (id: string) => ({ id, secret: randomBytes(32) });
const bytes = fc.uint8Array({ maxLength: 2000 }).map((array) => Buffer.from(array));

describe("encryption", () => {
  test("what was sealed opens, and does not show what is in it", () => {
    const sealer = createSealer([key("a")]);
    fc.assert(
      fc.property(bytes, fc.string(), (value, name) =>
        assert.deepEqual(sealer.open(name, sealer.seal(name, value)), value),
      ),
    );
    assert.equal(sealer.seal("k", Buffer.from("confidential")).includes("confidential"), false);
    assert.notDeepEqual(
      sealer.seal("k", Buffer.from("v")),
      sealer.seal("k", Buffer.from("v")),
      "no IV is used twice",
    );
  });

  test("an entry moved to another key, changed, cut short or foreign does not open", () => {
    const sealer = createSealer([key("a")]);
    fc.assert(
      fc.property(bytes, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, at, flip) => {
        const sealed = sealer.seal("tenant:1", value);
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
    const sealed = createSealer([old]).seal("k", Buffer.from("v"));
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
