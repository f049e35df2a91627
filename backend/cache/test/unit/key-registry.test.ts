// Key patterns: what they build, what they recognise, and which of them collide.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { paginatedKey, sortedKey, timestampedKey } from "../../src/index.js";
import { KeyRegistry } from "../../src/toolkit/key-registry.js";

describe("key registry", () => {
  test("builders by domain, typed by their gaps", () => {
    const registry = new KeyRegistry();
    const users = registry.define("users", {
      profile: "profile:{id}",
      schedule: "technician:{id}:schedule",
      all: "all-users",
    });
    assert.equal(users.profile.key({ id: 42 }), "users:profile:42");
    assert.equal(users.schedule.match(), "users:technician:*:schedule");
    assert.equal(users.all.key({}), "users:all-users");
    assert.deepEqual(registry.domains(), ["users"]);
    assert.deepEqual(
      registry.list("users").map(({ text }) => text),
      ["users:profile:{id}", "users:technician:{id}:schedule", "users:all-users"],
    );
    assert.equal(registry.list().length, 3);
    assert.equal(registry.find("users:technician:7:schedule"), registry.list()[1]);
    assert.equal(registry.find("users:technician:7"), undefined);
    // @ts-expect-error a gap that the pattern does not have
    assert.throws(() => users.profile.key({ name: "x" }), /ETC_KEY/);
  });

  test("two patterns are refused exactly where one key could be both's", () => {
    const part = fc.constantFrom("a", "b", "{x}", "{y}");
    const pattern = fc
      .uniqueArray(part, { minLength: 1, maxLength: 3 })
      .map((parts) => ["d", ...parts].join(":"));
    fc.assert(
      fc.property(pattern, pattern, (one, other) => {
        const registry = new KeyRegistry();
        registry.pattern(one);
        const [left, right] = [one.split(":"), other.split(":")];
        const collide =
          left.length === right.length &&
          left.every((text, n) => text === right[n] || text.startsWith("{") || right[n]?.startsWith("{"));
        if (collide) assert.throws(() => registry.pattern(other), /ETC_KEY_COLLISION/);
        else registry.pattern(other);
      }),
    );
  });

  test("different values never build the same key, and each key is known again", () => {
    const registry = new KeyRegistry();
    const pattern = registry.pattern("d:{a}:{b}");
    const value = fc.oneof(
      fc.string({ minLength: 1, unit: "grapheme" }),
      fc.integer().map(String),
      fc.constantFrom(":", "a:b", "%3A", "*"),
    );
    fc.assert(
      fc.property(value, value, value, value, (a, b, c, d) => {
        const [one, other] = [pattern.key({ a, b }), pattern.key({ a: c, b: d })];
        assert.equal(one === other, a === c && b === d);
        assert.equal(registry.find(one), pattern);
      }),
    );
  });

  test("pages, orders and times", () => {
    assert.equal(paginatedKey("users:list", { page: 2, pageSize: 50 }), "users:list:page:2:size:50");
    assert.equal(sortedKey("users:list", { by: "name" }), "users:list:sort:name:asc");
    assert.equal(sortedKey("users:list", { by: "a:b", direction: "desc" }), "users:list:sort:a%3Ab:desc");
    const time = new Date("2026-11-22T09:30:59Z");
    assert.equal(timestampedKey("reports:sales", time), "reports:sales:2026-11-22");
    assert.equal(timestampedKey("reports:sales", time, "hour"), "reports:sales:2026-11-22T09");
    assert.equal(timestampedKey("reports:sales", time, "minute"), "reports:sales:2026-11-22T09.30");
    for (const wrong of [
      () => paginatedKey("users:list", { page: 0, pageSize: 50 }),
      () => sortedKey("users:list", { by: "" }),
      () => sortedKey("users:list", { by: "\ud83d" }),
      () => new KeyRegistry().pattern("d:{a}").key({ a: "\ud83d" }),
      () => timestampedKey("users:list", new Date("never")),
    ])
      assert.throws(wrong, /ETC_KEY/);
  });
});
