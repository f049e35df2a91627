// The inventory that processes share: what one writes the others read, it is bounded, and what is none is not taken for one.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { byModule, noteOf, readNote } from "../../src/metrics/inventory-note.js";

describe("an inventory as a note", () => {
  test("is by module, of all tenants, and read as it was written", () => {
    const rows = [
      { tenant: "a", module: "leads", entries: 1, bytes: 10 },
      { tenant: "a", module: "accounts", entries: 2, bytes: 200 },
      { tenant: "b", module: "leads", entries: 3, bytes: 30 },
    ];
    const inventory = byModule({ rows, complete: true, fences: 7 });
    assert.deepEqual(inventory, {
      rows: [
        { module: "accounts", entries: 2, bytes: 200 },
        { module: "leads", entries: 4, bytes: 40 },
      ],
      complete: true,
      fences: 7,
    });
    assert.deepEqual(readNote(noteOf(inventory)), inventory);
    assert.deepEqual(readNote(noteOf(byModule({ rows: [], complete: false }))), {
      rows: [],
      complete: false,
      fences: null,
    });
  });

  test("is bounded: of many modules the smallest are one row, and nothing is lost", () => {
    const rows = Array.from({ length: 3000 }, (_, n) => ({
      tenant: `t-${n % 7}`,
      module: `module-${n}`,
      entries: 1,
      bytes: 1 + n,
    }));
    const inventory = byModule({ rows, complete: true, fences: 1 });
    assert.equal(inventory.rows.length, 501);
    assert.deepEqual(inventory.rows[0], { module: "module-2999", entries: 1, bytes: 3000 });
    const sum = inventory.rows.reduce((all, { entries }) => all + entries, 0);
    assert.equal(sum, 3000);
    assert.ok(noteOf(inventory).length < 20_000, `${noteOf(inventory).length}`);
    assert.deepEqual(readNote(noteOf(inventory)), inventory);
  });

  test("what is none is none", () => {
    const many = JSON.stringify([Array(600).fill(["a", 1, 1]), true, 1]);
    for (const text of [
      "",
      "{",
      "null",
      "[]",
      "{}",
      '[[["a",1]],true,1]',
      '[[["a",-1,1]],true,1]',
      '[[["a",1,1.5]],true,1]',
      "[[[7,1,1]],true,1]",
      '[[],"yes",1]',
      '[[],true,"1"]',
      `[[["${"a".repeat(300)}",1,1]],true,1]`,
      many,
    ])
      assert.equal(readNote(text), undefined, text.slice(0, 40));
  });
});
