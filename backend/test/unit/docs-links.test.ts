// Every link in the repository's pages to the repository itself leads to a file, and to a heading where it names one.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { brokenLinks, REPOSITORY } from "../../servers/page-links.js";

const FOLDERS = [".github", "docs", "backend/cache/model", "backend/cache/freshness", "backend/cache/bench"];
const inFolders = FOLDERS.flatMap((folder) =>
  readdirSync(projectFile(folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.includes("node_modules"))
    .map((name) => path.join(folder, name)),
);
const pages = [
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  path.join("backend", "cache", "README.md"),
  path.join("backend", "cache", "CHANGELOG.md"),
  ...inFolders,
];

describe("links in the documentation", () => {
  for (const page of pages) {
    test(page, () => {
      assert.deepEqual(brokenLinks(page, REPOSITORY), []);
    });
  }
});

/** The example of a module that is still to be made. */
const TO_BE_MADE = /^backend\/modules\/quotes\//;

describe("files that the documentation names", () => {
  for (const page of pages) {
    test(page, () => {
      const text = REPOSITORY.read(page);
      const named = [...text.matchAll(/`((?:backend|scripts|docs)\/[\w./-]+)/g)].map(([, file = ""]) => file);
      const missing = named.filter((file) => !TO_BE_MADE.test(file) && !REPOSITORY.has(path.normalize(file)));
      assert.deepEqual(missing, []);
    });
  }
});
