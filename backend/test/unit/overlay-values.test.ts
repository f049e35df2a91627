// The small pieces of the overlay: rows as bytes, cursors, and what callers give.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { checked, jsonObject, plainId, requireSize, subjectId } from "../../services/overlay/given.js";
import { cursorOf, isAfter, limitOf, placeOf } from "../../services/overlay/records/record-page.js";
import { rowBytes, rowOf, secondsLeft } from "../../services/overlay/row-bytes.js";

const isBad = (error: unknown) => error instanceof HttpProblem && error.status === 400;

describe("rows as the cache keeps them", () => {
  const expires_at = new Date(Date.now() + 60_000).toISOString();
  const row = { meta: { id: "x", expires_at }, sealed: Buffer.from([1, 2, 3]) };

  test("come back as they were; once over, or where they are something else, they are none", () => {
    const back = rowOf<typeof row.meta>(rowBytes(row));
    assert.deepEqual(back?.meta, row.meta);
    assert.equal(Buffer.compare(back?.sealed ?? Buffer.alloc(0), row.sealed), 0);
    assert.equal(rowOf(rowBytes(row), Date.now() + 61_000), undefined);
    for (const bytes of [null, Buffer.alloc(0), Buffer.from([255, 255, 255, 255, 1]), Buffer.alloc(9), "x"])
      assert.equal(rowOf(bytes), undefined);
  });

  test("live as long as the row does, and no longer than their kind", () => {
    const left = secondsLeft(rowBytes(row), 3600);
    assert.ok(left === 59 || left === 60, String(left));
    assert.equal(secondsLeft(rowBytes(row), 10), 10);
    assert.equal(secondsLeft(null, 10), 0);
  });
});

describe("pages", () => {
  test("a cursor is a place, and nothing else is one", () => {
    const place = { at: "2026-03-31T08:00:00.000Z", id: "a" };
    assert.deepEqual(placeOf(cursorOf(place)), place);
    assert.equal(placeOf(undefined), undefined);
    for (const cursor of [
      "",
      "x",
      Buffer.from('["2026","a"]').toString("base64url"),
      cursorOf({ at: "1", id: "a" }),
    ])
      assert.throws(() => placeOf(cursor), isBad, cursor);
    assert.ok(isAfter({ at: "2026-03-31T07:00:00.000Z", id: "z" }, place));
    assert.ok(!isAfter(place, place));
    assert.deepEqual([limitOf({}), limitOf({ limit: 0 }), limitOf({ limit: 9999 })], [50, 1, 100]);
  });
});

describe("what callers give", () => {
  test("ids, persons and JSON", () => {
    assert.equal(checked(plainId(), "a-1._~", "id"), "a-1._~");
    for (const id of ["", "a:b", "a b", "-a", "x".repeat(101), 5])
      assert.throws(() => checked(plainId(), id, "id"), isBad);
    assert.equal(checked(subjectId(), "hubspot:1/2@x", "subject"), "hubspot:1/2@x");
    for (const id of ["", "a b", "a\u0000", "x".repeat(201)])
      assert.throws(() => checked(subjectId(), id, "subject"), isBad);
    for (const value of [[], null, { a: undefined }, { a: () => 1 }, { a: Number.NaN }])
      assert.throws(() => checked(jsonObject(), value, "object"), isBad);
    assert.throws(
      () => requireSize({ a: "xx" }, 5, "The thing"),
      /The thing has 10 bytes, and 5 are the most/,
    );
  });
});
