// Every relative link in README, CHANGELOG and docs leads to a file, and to a heading where it names one.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";

const inDocs = readdirSync(projectFile("docs"), { recursive: true, encoding: "utf8" });
const pages = [
  "README.md",
  "CHANGELOG.md",
  path.join("backend", "cache", "README.md"),
  ...inDocs.filter((name) => name.endsWith(".md")).map((name) => path.join("docs", name)),
];

describe("links in the documentation", () => {
  for (const page of pages) {
    test(page, () => {
      const broken = linksOf(read(page)).filter((link) => !leadsSomewhere(page, link));
      assert.deepEqual(broken, []);
    });
  }
});

function read(page: string): string {
  return readFileSync(projectFile(page), "utf8");
}

/** Without those to other sites. */
function linksOf(text: string): string[] {
  const targets = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = ""]) => target);
  return targets.filter((target) => !/^[a-z]+:/.test(target));
}

function leadsSomewhere(page: string, link: string): boolean {
  const [file = "", anchor] = link.split("#");
  const target = file === "" ? page : path.join(path.dirname(page), file);
  if (!existsSync(projectFile(target))) return false;
  return anchor === undefined || anchorsOf(read(target)).includes(anchor);
}

/** As GitHub makes them of headings, and those that are written out. */
function anchorsOf(text: string): string[] {
  const plain = withoutCode(text);
  const written = [...plain.matchAll(/<a id="([^"]+)"/g)].map(([, id = ""]) => id);
  const headings = [...plain.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) => heading);
  const made = headings.map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return [...written, ...made];
}

function withoutCode(text: string): string {
  return text.replaceAll(/```.*?```/gs, "");
}
