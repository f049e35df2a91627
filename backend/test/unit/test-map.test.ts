// Each source of the CRM has a test that one finds by its name, or that its header names; the library's have theirs.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { filesOf, untested } from "../../servers/test-map.js";

/** The library, which has a map of its own, and what tests are made with. */
const OTHERS = /^(?:cache|servers)\//;

test("each source of the CRM has a test by its name, or names its tests beneath its first line", () => {
  const files = new Map([...filesOf("backend", ["."])].filter(([name]) => !OTHERS.test(name)));
  assert.ok(files.has("app.ts") && files.has("http/edge.ts"), "the files are found");
  assert.deepEqual([...untested(files)], []);
});
