// `npm test -- …`: which arguments are patterns of test files, and which belong to an option of Jest.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { jestArguments } from "../../../scripts/jest/jest-arguments.js";

const passed = (line: string) => [...jestArguments(line === "" ? [] : line.split(" "))].join(" ");

test("patterns are of compiled files, come first, and are held to no bounds of coverage", () => {
  const free = "--coverageThreshold={}";
  assert.equal(passed(""), "");
  assert.equal(passed("storing"), `/dist/.*storing ${free}`);
  assert.equal(passed("unit/fills.test.ts stale"), `/dist/.*unit/fills.test.js /dist/.*stale ${free}`);
  assert.equal(passed("--coverage fills"), `/dist/.*fills --coverage ${free}`);
  assert.equal(
    passed("fills --coverage --coverageThreshold={}"),
    "/dist/.*fills --coverage --coverageThreshold={}",
  );
  for (const option of ["--testPathPattern", "--testPathPatterns"]) {
    assert.equal(passed(`${option}=cache`), `/dist/.*cache ${free}`);
    assert.equal(passed(`${option} cache lane`), `/dist/.*cache /dist/.*lane ${free}`);
  }
});

test("what an option takes is its own", () => {
  const own = [
    "--selectProjects unit contract http --coverage",
    "--selectProjects=unit contract",
    "--coverage --coverageReporters text json --coverageDirectory made",
    "-t pattern -w 2",
    "--testNamePattern=a=b",
  ];
  for (const line of own) assert.equal(passed(line), line);
  assert.equal(
    passed("-t name fills --bail stale"),
    "/dist/.*fills /dist/.*stale -t name --bail --coverageThreshold={}",
  );
});
