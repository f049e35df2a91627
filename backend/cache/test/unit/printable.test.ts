// Texts of others in terminals and logs.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { printable } from "../../src/printable.js";

test("control and format characters become spaces, and nothing else changes", () => {
  assert.equal(printable("a\u001b[31mb\r\nc\u0007"), "a [31mb  c ");
  // Right-to-left override, zero-width space, line separator, C1's CSI.
  assert.equal(printable("a\u202eb\u200bc\u2028d\u009be"), "a b c d e");
  assert.equal(printable("grün 表 🚀 /a?b=c"), "grün 表 🚀 /a?b=c");
});
