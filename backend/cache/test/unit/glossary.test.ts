// docs/glossary.md against the sources: each term in one row, with names that the code has, and each class of the engine in some row.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";

const SOURCES = projectFile("backend", "cache", "src");
const page = readFileSync(projectFile("docs", "glossary.md"), "utf8");
const lines = page.split("\n").filter((line) => /^\| (?!term |---)/.test(line));
const rows = lines.map((line) => {
  const [term = "", names = "", says = ""] = line.slice(2).split(" | ");
  return { term, names: [...names.matchAll(/`(\w+)`/g)].map(([, name = ""]) => name), says };
});

function codeIn(folder: string): string {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(path.join(folder, file), "utf8"))
    .join("\n");
}

describe("docs/glossary.md", () => {
  test("has each term once, with a name and with what it is", () => {
    assert.ok(rows.length > 90);
    for (const { term, names, says } of rows) assert.ok(names.length > 0 && says.length > 10, term);
    assert.equal(new Set(rows.map(({ term }) => term)).size, rows.length);
  });

  test("names each term as the code does", () => {
    const words = new Set(codeIn(SOURCES).match(/\w+/g));
    const unknown = rows.flatMap(({ names }) => names).filter((name) => !words.has(name));
    assert.deepEqual(unknown, []);
  });

  test("has every class of the engine", () => {
    const classes = codeIn(path.join(SOURCES, "engine")).matchAll(
      /^export class (\w+)(?! extends Error)\b/gm,
    );
    const named = new Set(rows.flatMap(({ names }) => names));
    const lacking = [...classes].map(([, name = ""]) => name).filter((name) => !named.has(name));
    assert.deepEqual(lacking, []);
  });
});
