// Canonical requests: the same request has one form, different requests have different ones.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { parse } from "node:querystring";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import {
  canonicalData,
  canonicalParams,
  hashParams,
  MAX_PARAMS_LENGTH,
} from "../../src/express/request-key.js";

const canonical = (
  rawQuery: string,
  more: { path?: string; scope?: string; vary?: [string, string][] } = {},
) =>
  canonicalParams({
    authority: "http://api.example.com",
    path: "/api/accounts",
    scope: "",
    vary: [],
    ...more,
    rawQuery,
  });

const qs: { parse(query: string, options: object): unknown } = createRequire(
  createRequire(import.meta.url).resolve("express"),
)("qs");

/** What a handler can see of a query: names with their values in order, as the parsers of Express and others decode them. */
function visible(rawQuery: string): string {
  const query = new URLSearchParams(rawQuery);
  const names = [...new Set(query.keys())].sort();
  return JSON.stringify([
    names.map((name) => [name, query.getAll(name)]),
    canonicalData({ ...parse(rawQuery) }),
    canonicalData(qs.parse(rawQuery, { allowPrototypes: true })),
  ]);
}

const token = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "a[]",
    "a[b]",
    "a.b",
    "%61",
    "%5B",
    "+",
    "%20",
    "%26",
    "%3D",
    "%zz",
    "%",
    "%00",
    "é",
    "[",
    "[a]",
    "a]=b",
    "%FF",
    "%FE",
    ".",
  ),
  fc.stringMatching(/^[a-z0-9%+[\].]{0,4}$/),
);
const query = fc
  .array(
    fc.oneof(
      fc.tuple(token, token).map((pair) => pair.join("=")),
      token,
    ),
    { maxLength: 5 },
  )
  .map((pairs) => pairs.join("&"));

describe("canonical request", () => {
  test("the order of different parameters does not matter", () => {
    assert.equal(canonical("a=1&b=2"), canonical("b=2&a=1"));
    assert.equal(canonical("limit=10&offset=0&sort=name"), canonical("sort=name&limit=10&offset=0"));
  });

  test("the order of repeated parameters does", () => {
    assert.notEqual(canonical("a=1&a=2"), canonical("a=2&a=1"));
    assert.notEqual(
      canonical("a[]=1&a=2"),
      canonical("a=2&a[]=1"),
      "qs puts both into one array, in this order",
    );
  });

  test("what looks alike is kept apart", () => {
    const forms = [
      "a=1&b=2",
      "a=1%26b%3D2",
      "a=1,b=2",
      "a[]=1",
      "a=1",
      "a",
      "a=",
      "",
      "a=%zz",
      "a=%25zz",
      "a=%00raw",
    ];
    assert.equal(new Set(forms.map((form) => canonical(form))).size, forms.length);
  });

  test("encodings of the same text are one request", () => {
    assert.equal(canonical("q=caf%C3%A9+bar"), canonical("q=caf%c3%a9%20bar"));
    assert.equal(canonical("%61=1"), canonical("a=1"));
  });

  test("path, scope and vary are parts of it, and no part can pose as another", () => {
    const parts = [
      canonical(""),
      canonical("", { path: "/api/accounts/" }),
      canonical("", { scope: "admin" }),
      canonical("", { vary: [["accept-language", "de"]] }),
      canonical("", { vary: [["accept-language", "de,en"]] }),
      canonical("", { path: '/api/accounts",[],"admin",[]]' }),
    ];
    assert.equal(new Set(parts).size, parts.length);
  });

  test("equal forms mean that no handler could tell the requests apart", () => {
    fc.assert(
      fc.property(query, query, (one, other) => {
        fc.pre(canonical(one) === canonical(other));
        assert.equal(visible(one), visible(other));
      }),
      { numRuns: 3000 },
    );
    // Independent queries are seldom equal: shuffled and re-encoded ones often are.
    fc.assert(
      fc.property(fc.array(fc.tuple(token, token), { maxLength: 4 }), fc.nat(), (pairs, seed) => {
        const one = pairs.map((pair) => pair.join("=")).join("&");
        const other = [...pairs].sort((a, b) =>
          hashParams(`${a}${seed}`, "md5").localeCompare(hashParams(`${b}${seed}`, "md5")),
        );
        const shuffled = other.map(([name, value]) => `${name}=${value.replaceAll("+", "%20")}`).join("&");
        fc.pre(canonical(one) === canonical(shuffled));
        assert.equal(visible(one), visible(shuffled));
      }),
      { numRuns: 3000 },
    );
  });

  test("requests that are too long or have too many parameters are not cached", () => {
    assert.equal(canonical(`q=${"x".repeat(10_000)}`), undefined);
    assert.equal(canonical("", { path: `/${"x".repeat(MAX_PARAMS_LENGTH)}` }), undefined);
    assert.equal(canonical(Array.from({ length: 300 }, (_, index) => `p${index}=1`).join("&")), undefined);
    assert.notEqual(canonical(`q=${"x".repeat(1000)}`), undefined);
  });

  test("hashes have the usual form", () => {
    assert.equal(hashParams("", "md5"), "d41d8cd98f00b204e9800998ecf8427e");
    assert.match(hashParams("", "sha256"), /^[0-9a-f]{64}$/);
  });
});

describe("canonical data", () => {
  const data = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom(
        undefined,
        null,
        true,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        1,
        "1",
        1n,
        "",
        "null",
        "1n",
      ),
      fc.string(),
      fc.date({ noInvalidDate: false }),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom("a", "b", "__proto__")), tie("value"), {
        maxKeys: 3,
      }),
    ),
  })).value;

  test("values have one text only where they are the same, whatever the order of their keys", () => {
    fc.assert(
      fc.property(data, data, (one, other) => {
        assert.equal(canonicalData(one) === canonicalData(other), isDeepEqual(one, other));
      }),
      { numRuns: 3000 },
    );
    assert.equal(
      canonicalData({ a: 1, b: [2, { c: 3, d: 4 }] }),
      canonicalData({ b: [2, { d: 4, c: 3 }], a: 1 }),
    );
    assert.equal(canonicalData({ a: 1, b: undefined }), canonicalData({ a: 1 }));
    assert.notEqual(canonicalData([undefined]), canonicalData([]));
    assert.notEqual(canonicalData(-0), canonicalData(0));
    const own = (value: number) => canonicalData(JSON.parse(`{"__proto__":{"a":${value}}}`));
    assert.notEqual(own(1), own(2));
  });

  test("what would look like other data has no text", () => {
    class Page {
      readonly #number = 1;
      number = () => this.#number;
    }
    for (const value of [new Map([["a", 1]]), new Set([1]), new Page(), () => 1, Symbol("a"), /a/])
      for (const held of [value, [value], { page: value }]) assert.equal(canonicalData(held), undefined);
  });

  test("it takes the place of the query's text, and is never taken for one", () => {
    const parts = { authority: "", path: "/list", rawQuery: "limit=050", scope: "", vary: [] };
    const validated = (rawQuery: string) =>
      canonicalParams({ ...parts, rawQuery, query: canonicalData({ limit: 50 }) });
    assert.equal(validated("limit=050"), validated(""));
    assert.notEqual(canonicalParams({ ...parts, query: "[]" }), canonicalParams({ ...parts, rawQuery: "" }));
  });

  test("what was asked for is never taken for anything else, and has its bounds", () => {
    const parts = { authority: "", path: "/list", rawQuery: "", scope: "", vary: [] };
    const asked = (target: { path: string; rawQuery: string }, more = {}) =>
      canonicalParams({ ...parts, ...more, target });
    const all = [
      canonicalParams(parts),
      canonicalParams({ ...parts, varied: "a" }),
      canonicalParams({ ...parts, content: "a" }),
      asked({ path: "/de/list", rawQuery: "" }),
      asked({ path: "/de/list", rawQuery: "a" }),
      asked({ path: "/de/list", rawQuery: "" }, { varied: "a" }),
      asked({ path: "/de/list", rawQuery: "" }, { content: "a" }),
    ];
    assert.equal(new Set(all).size, all.length);
    assert.equal(
      asked({ path: "/de/list", rawQuery: "a=1&b=2" }),
      asked({ path: "/de/list", rawQuery: "b=2&a=1" }),
    );
    assert.equal(asked({ path: `/${"x".repeat(5000)}`, rawQuery: "" }), undefined);
    assert.equal(asked({ path: "/", rawQuery: "a&".repeat(300) }), undefined);
  });
});

/** As node's own, but that a key without a value is none. */
function isDeepEqual(one: unknown, other: unknown): boolean {
  try {
    assert.deepStrictEqual(withoutUndefined(one), withoutUndefined(other));
    return true;
  } catch {
    return false;
  }
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return new Map(members.map(([name, member]) => [name, withoutUndefined(member)]));
}
