// The newest warnings are kept beside the log, which gets every line as ever.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { SaidLines } from "../../src/engine/said-lines.js";

test("the app's logger gets every line; warnings and errors are kept, the newest first, few and short", () => {
  const heard: string[] = [];
  const hear = (level: string) => (line: string) => void heard.push(`${level} ${line.slice(0, 30)}`);
  const said = new SaidLines({ info: hear("info"), warn: hear("warn"), error: hear("error") });
  said.info("express-tenant-cache: one");
  said.warn("express-tenant-cache: two");
  said.error("three");
  assert.deepEqual(heard, [
    "info express-tenant-cache: one",
    "warn express-tenant-cache: two",
    "error three",
  ]);
  assert.deepEqual(
    said.lines.map(({ level, text }) => [level, text]),
    [
      ["error", "three"],
      ["warn", "two"],
    ],
  );
  for (let index = 0; index < 100; index++) said.warn(`${index} ${"x".repeat(10_000)}`);
  assert.equal(said.lines.length, 30);
  assert.match(said.lines[0]?.text ?? "", /^99 x+$/);
  assert.ok(said.lines.every(({ text }) => text.length <= 600));
});
