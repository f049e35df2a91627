// Tables, figures and lines of the command line: they fit, and say what they are about.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { originText, partsText } from "../../src/cli/cause-line.js";
import { cut, table, widthOf, wrap } from "../../src/cli/columns.js";
import {
  bytesText,
  counted,
  countText,
  durationText,
  millisecondsText,
  percentText,
  rateText,
} from "../../src/cli/quantities-text.js";

describe("tables", () => {
  const columns = [
    { title: "url", mayCut: true },
    { title: "bytes", isFigure: true },
  ];

  test("columns stand beside each other, figures to the right", () => {
    assert.deepEqual(
      table(
        columns,
        [
          ["/a", "1 B"],
          ["/long", "12 KiB"],
        ],
        undefined,
      ),
      ["url     bytes", "/a        1 B", "/long  12 KiB"],
    );
  });

  test("what may be cut is, until the line fits; figures and names never are", () => {
    const rows = [[`/${"x".repeat(60)}`, "12 KiB"]];
    for (const width of [40, 25]) {
      const lines = table(columns, rows, width);
      for (const line of lines) assert.ok(widthOf(line) <= width, line);
      assert.match(lines[1] ?? "", /^\/x+… +12 KiB$/);
    }
    // There is an end to it.
    assert.match(table(columns, rows, 3)[1] ?? "", /12 KiB$/);
    assert.match(table(columns, rows, undefined)[1] ?? "", /x{60} {2}12 KiB/);
  });

  test("where that is not enough, columns that may be are left out, the last one first", () => {
    const some = [
      { title: "name", mayCut: true },
      { title: "first", isFigure: true, mayDrop: true },
      { title: "second", isFigure: true, mayDrop: true },
      { title: "third", isFigure: true },
    ];
    const rows = [["a".repeat(30), "1", "2", "3"]];
    assert.match(table(some, rows, 60)[0] ?? "", /^name +first +second +third$/);
    assert.match(table(some, rows, 30)[0] ?? "", /^name +first +third$/);
    assert.match(table(some, rows, 20)[0] ?? "", /^name +third$/);
    for (const width of [60, 30, 20])
      for (const line of table(some, rows, width)) assert.ok(widthOf(line) <= width);
  });

  test("characters that take two columns are counted so", () => {
    assert.equal(widthOf("表a🚀"), 5);
    assert.equal(widthOf("e\u0301"), 1);
    assert.equal(cut("表表表", 5), "表表…");
    const [, first = "", second = ""] = table(
      [{ title: "a" }, { title: "b" }],
      [
        ["表", "x"],
        ["ab", "x"],
      ],
      undefined,
    );
    assert.equal(widthOf(first), widthOf(second));
  });

  test("long sentences are cut between words", () => {
    assert.deepEqual(wrap("one two three four", 12), ["one two", "three four"]);
    assert.deepEqual(wrap("one two", undefined), ["one two"]);
  });
});

test("figures", () => {
  assert.deepEqual([0, 1023, 1536, 200 * 2 ** 20, null].map(bytesText), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "200 MiB",
    "-",
  ]);
  assert.deepEqual([5, 130, 7300, 200_000, -5, null].map(durationText), [
    "5 s",
    "2 min",
    "2 h",
    "2 d",
    "-5 s",
    "-",
  ]);
  assert.deepEqual([0.931, 1, null].map(percentText), ["93.1 %", "100.0 %", "-"]);
  assert.deepEqual([1234, undefined].map(countText), ["1,234", "-"]);
  assert.deepEqual([counted(1, "entry", "entries"), counted(2, "client")], ["1 entry", "2 clients"]);
  assert.deepEqual([0, 0.42, 1234.4, null].map(rateText), ["0", "0.4", "1,234", "-"]);
  assert.deepEqual([0.421, 42.1].map(millisecondsText), ["0.42 ms", "42 ms"]);
});

describe("a cause", () => {
  const cause = { kind: "route", atMs: 0, tenant: "acme", modules: [], tags: [], everything: false } as const;

  test("says what was made stale", () => {
    assert.equal(partsText({ ...cause, everything: true }), "all");
    assert.equal(partsText({ ...cause, modules: ["accounts"], tags: ["a-1"] }), "accounts, tag a-1");
    assert.equal(partsText({ ...cause, kind: "forget" }), "a URL");
  });

  test("says by whom and why, and steers no terminal", () => {
    const text = originText({
      ...cause,
      name: "POST /a",
      actor: "3f",
      requestId: "7",
      reason: "so\u001b[2J",
    });
    assert.equal(text, "route POST /a, by 3f, request 7: so [2J");
    assert.equal(originText({ ...cause, kind: "clear" }), "clear");
  });
});
