// Values as bytes: whatever is JSON comes back, and sizes tell no more than a bucket.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { MAX_VALUE_BYTES, ValueTooLarge, valueBytes, valueIn } from "../../services/subjects/value-bytes.js";

describe("bytes of values", () => {
  test("any JSON value comes back", async () => {
    const property = fc.asyncProperty(
      fc.jsonValue(),
      fc.option(fc.integer({ min: 1, max: 5000 })),
      async (given, padTo) => {
        const value: unknown = JSON.parse(JSON.stringify(given));
        const bytes = await valueBytes(value, padTo ?? undefined);
        if (padTo !== null) assert.equal(bytes.length % padTo, 0);
        assert.deepEqual(await valueIn(bytes), { value });
      },
    );
    await fc.assert(property);
  });

  test("sizes are those of buckets", async () => {
    const sizeOf = async (length: number) =>
      (await valueBytes(randomBytes(length).toString("hex").slice(0, length))).length;
    assert.deepEqual(await Promise.all([0, 1, 100, 249].map(sizeOf)), [256, 256, 256, 256]);
    assert.deepEqual(await Promise.all([250, 505, 506, 900].map(sizeOf)), [512, 512, 1024, 1024]);
    const large = await sizeOf(400_000);
    assert.equal(large % 65_536, 0);
  });

  test("a large value is compressed, and one that is too large refused", async () => {
    const text = "the same words again ".repeat(10_000);
    const bytes = await valueBytes(text);
    assert.ok(bytes.length <= 2048, `${bytes.length}`);
    assert.deepEqual(await valueIn(bytes), { value: text });
    await assert.rejects(valueBytes("x".repeat(MAX_VALUE_BYTES)), ValueTooLarge);
  });

  test("what is no JSON, and what is no padding, is the caller's mistake", async () => {
    await assert.rejects(valueBytes(undefined), TypeError);
    for (const padTo of [0, -1, 1.5, Number.NaN, MAX_VALUE_BYTES + 1])
      await assert.rejects(valueBytes(1, padTo), /padTo is/);
  });

  test("bytes that nobody has made are nothing, and inflate to no more than a value may have", async () => {
    const property = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await valueIn(Buffer.from(bytes));
    });
    await fc.assert(property);
    const bytes = await valueBytes({ a: 1 });
    for (const changed of [bytes.subarray(0, 4), Buffer.concat([Buffer.of(7), bytes.subarray(1)])])
      assert.equal(await valueIn(changed), undefined);
    const long = Buffer.from(bytes);
    long.writeUInt32BE(bytes.length, 1);
    assert.equal(await valueIn(long), undefined);
  });
});
