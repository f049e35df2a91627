// Refusals know of an option what its schema says: they say what to write of options that nobody has thought of here.

import assert from "node:assert/strict";
import { runInNewContext } from "node:vm";
import { describe, test } from "@jest/globals";
import * as z from "zod";
import { nearest } from "../../../src/nearest.js";
import "../../../src/index.js";
import { calls, parse, registerCall } from "../../../src/options/parse.js";
import { describe as jsonSchemaOf, type Wanted } from "../../../src/options/wanted.js";
import "../../../src/testing/index.js";
import "../../../src/testing/store-contract/index.js";
import { type RefusedCall, testRefusals } from "../../support/refused-calls.js";

const schema = z.strictObject({
  pauseMs: z.int().min(5).max(50).default(10),
  share: z.number().max(1).optional(),
  authority: z.union([z.literal("ignore"), z.array(z.string())]).optional(),
  headers: z
    .strictObject({ etag: z.boolean().default(true), shownAs: z.enum(["a", "b"]) })
    .partial()
    .optional(),
  own: z.custom((value) => value === 1, { error: "must be one" }).optional(),
});
registerCall("newCall", "newCall({ pauseMs: 10 })", schema);

const newCall =
  (options: unknown): RefusedCall[0] =>
  () =>
    parse("newCall", schema, options);

describe("refusals of a new call", () => {
  testRefusals("say what its schema says", [
    [
      newCall({ pauseMs: 1 }),
      "pauseMs is 1, a number: write a whole number of milliseconds from 5 to 50, for example 10",
    ],
    [newCall({ share: 2 }), "share is 2, a number: write a number of at most 1"],
    [newCall({ authority: 5 }), 'authority is 5, a number: write "ignore" or an array of strings'],
    [newCall({ authority: ["a", 5] }), "authority[1] is 5, a number: write a string"],
    [
      newCall({ headers: { etag: "no" } }),
      'headers.etag is "no", a string: write true or false, for example true',
    ],
    [newCall({ headers: 5 }), "headers is 5, a number: write an object { etag, shownAs }"],
    [newCall({ own: 2 }), "own is 2, a number: write one"],
    [newCall({ etag: false }), "no option etag (false): write headers: { etag }"],
    [
      newCall({ headers: { etags: false } }),
      "no option headers.etags (false): write headers.etag, true or false",
    ],
    [
      newCall({ autority: "a" }),
      'no option autority (a string): write authority, "ignore" or an array of strings',
    ],
    [newCall(5), "the options are 5, a number: write newCall({ pauseMs: 10 })"],
  ]);

  test("options of another realm, as Jest has one for each file, are options", () => {
    assert.equal(parse("newCall", schema, runInNewContext("({ pauseMs: 7 })")).pauseMs, 7);
  });
});

test("what no schema names is refused, in every group of every call's options", () => {
  const open: string[] = [];
  const look = (at: string, wanted: Wanted): void => {
    if (wanted.properties !== undefined && wanted.additionalProperties !== false) open.push(at);
    for (const [name, within] of Object.entries(wanted.properties ?? {}))
      look(`${at}.${name}`, within as Wanted);
    const { items, prefixItems, anyOf, additionalProperties } = wanted;
    for (const within of [items, prefixItems, anyOf, additionalProperties].flat())
      if (typeof within === "object" && within !== null) look(at, within as Wanted);
  };
  for (const [call, { schema: of }] of calls) look(call, jsonSchemaOf(of));
  assert.deepEqual(open, []);
  assert.ok(calls.size > 20);
});

test("the nearest name: a slip or two away, and no other word", () => {
  const names = ["accounts", "contacts", "leads", "orders"];
  const meant = {
    acounts: "accounts",
    account: "accounts",
    Accounts: "accounts",
    leeds: "leads",
    odrers: "orders",
    order: "orders",
  };
  for (const [written, name] of Object.entries(meant)) assert.equal(nearest(written, names), name, written);
  for (const other of ["settings", "users", "x", ""]) assert.equal(nearest(other, names), undefined, other);
});
