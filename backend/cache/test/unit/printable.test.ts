// Texts of others in terminals and logs.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { printable, printableJson } from "../../src/printable.js";

test("control and format characters become spaces, and nothing else changes", () => {
  assert.equal(printable("a\u001b[31mb\r\nc\u0007"), "a [31mb  c ");
  // Right-to-left override, zero-width space, line separator, C1's CSI.
  assert.equal(printable("a\u202eb\u200bc\u2028d\u009be"), "a b c d e");
  assert.equal(printable("grün 表 🚀 /a?b=c"), "grün 表 🚀 /a?b=c");
});

test("JSON says the same, and has none of them but line breaks of its own", () => {
  const value = { text: "a\u001b[31mb\u009bc\u202ed\u{e0001}e\n", list: [1, "grün 表 🚀"] };
  for (const indent of [undefined, 2]) {
    const text = printableJson(value, indent);
    assert.deepEqual(JSON.parse(text), value);
    assert.doesNotMatch(text.replaceAll("\n", ""), /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u);
    assert.match(text, /grün 表 🚀/);
  }
});
