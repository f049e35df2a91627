// docs/api, which typedoc makes from the TSDoc (`npm run docs:api`), against what the library exports.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../../project-root.js";

const reference = readFileSync(projectFile("docs", "api", "README.md"), "utf8");
const read = (...parts: string[]) => readFileSync(projectFile("backend", "cache", "src", ...parts), "utf8");

describe("docs/api", () => {
  test("has a section for every export", () => {
    const headings = new Set(
      [...reference.matchAll(/^### ([\w\\]+)/gm)].map(([, name]) => name?.replaceAll("\\", "")),
    );
    const exported = [...read("index.ts").matchAll(/export (?:type )?\{([^}]*)\}/g)]
      .flatMap(([, names = ""]) => names.split(","))
      .map((name) => name.replace(/^\s*(?:type\s+)?/, "").trim())
      .filter((name) => name !== "");
    assert.ok(exported.length > 20);
    const missing = exported.filter((name) => !headings.has(name) && !headings.has(`${name}()`));
    assert.deepEqual(missing, [], "run npm run docs:api");
  });

  test("has every option, with what is said of it", () => {
    const code = readdirSync(projectFile("backend", "cache", "src", "options"))
      .filter((file) => /-options?\.ts$/.test(file))
      .map((file) => read("options", file))
      .join("\n")
      // What parsing makes of them is nobody's option.
      .replace(/@internal\s+\*\/\nexport (?:type|interface)[^;]*?\{\n[\s\S]*?\n\};?\n/g, "");
    const options = [...code.matchAll(/^ {2}readonly (\w+)\??:/gm)].map(([, name]) => name);
    assert.ok(options.length > 20);
    const missing = options.filter(
      (name) => !reference.includes(`\`${name}?\``) && !reference.includes(`\`${name}\``),
    );
    assert.deepEqual(missing, [], "run npm run docs:api");
  });
});
