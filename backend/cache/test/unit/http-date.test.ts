// HTTP dates in their three formats.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { parseHttpDate } from "../../src/express/http-date.js";
import { parseRouteOptions } from "../../src/options/route-options.js";

describe("HTTP dates", () => {
  test("the three formats of RFC 9110 name the same moment", () => {
    const moment = Date.UTC(1994, 10, 6, 8, 49, 37);
    const now = Date.UTC(2026, 0, 1);
    for (const date of [
      "Sun, 06 Nov 1994 08:49:37 GMT",
      "Sunday, 06-Nov-94 08:49:37 GMT",
      "Sun Nov  6 08:49:37 1994",
    ]) {
      assert.equal(parseHttpDate(date, now), moment, date);
    }
  });

  test("two digits of a year mean at most 50 years ahead", () => {
    const now = Date.UTC(2026, 0, 1);
    const yearOf = (digits: string) =>
      new Date(parseHttpDate(`Friday, 01-Jan-${digits} 00:00:00 GMT`, now) ?? 0).getUTCFullYear();
    assert.deepEqual(["26", "50", "76", "77", "99"].map(yearOf), [2026, 2050, 2076, 1977, 1999]);
  });

  test("what toUTCString writes is read back; anything else is no date", () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true }), (date) => {
        assert.equal(parseHttpDate(date.toUTCString()), Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
    const none = [
      undefined,
      "",
      "0",
      "-1",
      "2026",
      "2026-01-01",
      "Sun, 06 Foo 1994 08:49:37 GMT",
      "Sun, 06 Nov 1994 08:49:37 CET",
    ];
    for (const text of none) assert.equal(parseHttpDate(text), undefined, text);
  });

  test("a route cannot declare that it varies by everything", () => {
    assert.throws(() => parseRouteOptions({ vary: ["*"] }), { code: "ETC_OPTIONS" });
  });
});
