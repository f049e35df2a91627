// Canonical JSON against RFC 8785's own examples, and what records hold.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { canonical, canonicalRecords, storable } from "../../services/audit/canonical-record.js";
import { ACTOR, event, pseudonym, TENANT } from "../support/audit-database.js";

describe("canonical JSON", () => {
  test("RFC 8785 section 3.2.2", () => {
    const input = JSON.parse(String.raw`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }`);
    assert.equal(
      canonical(input),
      String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
    );
  });

  test("RFC 8785 section 3.2.3: members by UTF-16 code units", () => {
    const input = JSON.parse(
      String.raw`{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One","\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}`,
    );
    assert.deepEqual(Object.values(JSON.parse(canonical(input))), [
      "One",
      "Carriage Return",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });
});

describe("records", () => {
  const now = () => Date.UTC(2026, 0, 2, 3, 4, 5, 6);

  test("hold what was done, and the subject as a pseudonym alone", async () => {
    const [content = ""] = await canonicalRecords(TENANT, ACTOR, [event(3)], { pseudonym, now });
    const { id, ...record } = JSON.parse(content);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(record, {
      v: 1,
      at: "2026-01-02T03:04:05.006Z",
      tenant: TENANT,
      actor: { id: ACTOR.id, role: "agent" },
      request: "req-1",
      action: "read",
      entityType: "communication",
      entityId: "c-3",
      subject: await pseudonym(TENANT, "salesforce:3"),
      dataClass: "phi",
      purpose: "TREAT",
      outcome: "success",
      source: "cache",
    });
    assert.equal(canonical(JSON.parse(content)), content);
  });

  test("two of the same event have different bytes", async () => {
    const [one, other] = await canonicalRecords(TENANT, ACTOR, [event(1), event(1)], { pseudonym, now });
    assert.notEqual(one, other);
  });

  test("texts are bounded and storable", () => {
    assert.equal(storable("a\0b"), "a\uFFFDb");
    assert.equal(storable("\uD800"), "\uFFFD");
    assert.match(storable("x".repeat(257)), /^sha256:[0-9a-f]{64}$/);
    assert.notEqual(storable("x".repeat(257)), storable("x".repeat(258)));
  });

  test("a detail without bounds, or that JSON does not have, is refused", async () => {
    const detail = Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`k${index}`, index]));
    const make = (bad: Record<string, number>) =>
      canonicalRecords(TENANT, ACTOR, [event(1, { detail: bad })], { pseudonym });
    await assert.rejects(make(detail), /at most 32/);
    await assert.rejects(make({ a: Number.NaN }), /JSON does not have/);
  });
});
