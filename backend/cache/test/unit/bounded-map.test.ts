// The map that remembers what requests have named: bounded by characters, whatever the number of entries.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import fc from "fast-check";
import { BoundedMap, MAX_ENTRY_CHARACTERS, ownText } from "../../src/bounded-map.js";

/** What an entry counts beside its texts: more entries than this allows are too many. */
const OVERHEAD = 384;

describe("a bounded map", () => {
  test("holds no more characters than its bound, and forgets what was put in first", () => {
    const map = new BoundedMap<string>({ maxCharacters: 100_000, charactersOf: (value) => value.length });
    const value = "v".repeat(500);
    for (let n = 0; n < 1000; n++) map.set(`key-${n}`, value);
    assert.ok(map.size * (500 + OVERHEAD) <= 100_000, `${map.size} entries`);
    assert.ok(map.size > 100, `${map.size} entries`);
    assert.equal(map.get("key-999"), value);
    assert.equal(map.get("key-0"), undefined);
    const kept = [...map.keys()];
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, index) => `key-${1000 - kept.length + index}`),
    );
  });

  test("counts what an entry costs beside its texts, and the entries themselves where it is told to", () => {
    const small = new BoundedMap<number>({ maxCharacters: 10 * OVERHEAD });
    for (let n = 0; n < 1000; n++) small.set(String(n), n);
    assert.ok(small.size < 10 && small.size > 5, `${small.size} entries`);
    const few = new BoundedMap<number>({ maxCharacters: 1e6, maxEntries: 3 });
    for (let n = 0; n < 10; n++) few.set(String(n), n);
    assert.equal(few.size, 3);
    assert.equal(few.get("9"), 9);
    const one = new BoundedMap<number>({ maxCharacters: 1e6, maxEntries: 1 });
    one.set("a", 1);
    one.set("b", 2);
    assert.deepEqual([...one.keys()], ["b"]);
  });

  test("does not remember what is too long, nor what its key had before", () => {
    const map = new BoundedMap<string>({ maxCharacters: 1e6, charactersOf: (value) => value.length });
    map.set("kept", "");
    map.set("x".repeat(MAX_ENTRY_CHARACTERS + 1), "");
    assert.deepEqual([...map.keys()], ["kept"]);
    map.set("kept", "y".repeat(MAX_ENTRY_CHARACTERS));
    assert.equal(map.has("kept"), false);
    map.set("x".repeat(MAX_ENTRY_CHARACTERS), "");
    assert.equal(map.size, 1);
  });

  test("keeps its count through whatever is put in and taken out", () => {
    const step = fc.tuple(fc.constantFrom("a", "b", "c", "dd", "ee"), fc.option(fc.nat(300)));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const bound = 4 * (OVERHEAD + 300);
        const map = new BoundedMap<string>({ maxCharacters: bound, charactersOf: (value) => value.length });
        for (const [key, length] of steps) {
          if (length === null) map.delete(key);
          else map.set(key, "v".repeat(length));
        }
        // With nothing else in it, all of it is there again.
        for (const key of ["a", "b", "c", "dd", "ee"]) map.delete(key);
        assert.equal(map.size, 0);
        for (let n = 0; n < 3; n++) map.set(String(n), "v".repeat(300));
        assert.equal(map.size, 3);
      }),
    );
  });

  test("a text of its own is the same text, whatever is in it", () => {
    for (const text of [
      "",
      "a",
      "a".repeat(20),
      "é".repeat(20),
      "日本".repeat(20),
      "\ud800 alone, and \u{1f600}",
    ])
      assert.equal(ownText(text), text);
  });
});
