// The small pieces of the overlay: rows as bytes, cursors, and what callers give.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { HttpProblem } from "../../http/problem.js";
import { fewAtOnce } from "../../services/overlay/few-at-once.js";
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
    const leftAt = (ms: number) => Math.floor((Date.parse(expires_at) - ms) / 1000);
    const most = leftAt(Date.now());
    const left = secondsLeft(rowBytes(row), 3600);
    assert.ok(left <= most && left >= leftAt(Date.now()), String(left));
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

describe("a few at once", () => {
  test("in order, never more than a few, and not past a failure", async () => {
    let running = 0;
    let most = 0;
    const work = async (n: number) => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(setImmediate);
      running -= 1;
      if (n === 13) throw new Error("thirteen");
      return n * 2;
    };
    const items = Array.from({ length: 12 }, (_, n) => n);
    assert.deepEqual(
      await fewAtOnce(items, work),
      items.map((n) => n * 2),
    );
    assert.equal(most, 3);
    let begun = 0;
    const counted = (n: number) => {
      begun += 1;
      return work(n);
    };
    await assert.rejects(fewAtOnce([13, ...items, ...items], counted), /thirteen/);
    assert.ok(begun <= 6 && running === 0, `${begun} begun`);
  });
});

describe("what callers give", () => {
  test("JSON of a thousand levels is refused, and is no reason to run out of stack", () => {
    const nested = (levels: number) => JSON.parse(`{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`);
    assert.deepEqual(checked(jsonObject(), nested(50), "object"), nested(50));
    for (const levels of [100, 50_000])
      assert.throws(() => checked(jsonObject(), nested(levels), "object"), isBad);
  });

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
