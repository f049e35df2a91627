// The list of expected differences, and the page that sums it up.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";
import { countByKind } from "./conformance.js";
import { DIFFERENCES } from "./differences.js";
import { GROUPS, kindOf } from "./suite-run.js";

const ids = DIFFERENCES.flatMap(({ tests }) => Object.keys(tests));
const page = readFileSync(projectFile("docs", "internals", "conformance.md"), "utf8");

test("each listed test exists, once, and is no question", () => {
  const kinds = new Map(GROUPS.flatMap(({ tests }) => tests.map((one) => [one.id, kindOf(one)])));
  assert.deepEqual(
    ids.filter((id) => (kinds.get(id) ?? "check") === "check"),
    [],
  );
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
});

test("docs/internals/conformance.md counts the tests of each kind", () => {
  for (const kind of ["required", "optimal"] as const) {
    const { tests, listed } = countByKind()[kind];
    const row = `| ${kind} | ${tests} | ${tests - listed} | ${listed} |`;
    assert.ok(page.includes(row), `the page lacks the row ${row}`);
  }
  const row = `| check | ${countByKind().check.tests} |`;
  assert.ok(page.includes(row), `the page lacks the row ${row}`);
});

test("docs/internals/conformance.md gives the reason of each group of differences", () => {
  for (const { heading, reason, tests } of DIFFERENCES) {
    const row = `| ${heading} | ${Object.keys(tests).length} | ${reason} |`;
    assert.ok(page.includes(row), `the page lacks the row ${row}`);
  }
});
