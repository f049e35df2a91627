// Each source of the library has a test that one finds by its name, or that its header names.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { filesOf, untested } from "../../../servers/test-map.js";

describe("tests of the library", () => {
  test("each source has one by its name, or names its tests beneath its first line", () => {
    const files = filesOf("backend/cache", ["src", "test"]);
    assert.ok(files.has("src/index.ts") && files.has("test/unit/test-map.test.ts"), "the files are found");
    assert.deepEqual([...untested(files)], []);
  });
});

describe("what the map is held against", () => {
  const CODE = "export const a = 1;\n";
  const problemsOf = (source: string, text: string) =>
    untested(
      new Map([
        ["test/unit/deep/known.test.ts", ""],
        ["test/support/helper.ts", CODE],
        [source, text],
      ]),
    ).length;

  test("a test of that name, in any folder", () => {
    assert.equal(problemsOf("src/a/known.ts", CODE), 0);
    assert.equal(problemsOf("src/a/unknown.ts", CODE), 1);
    // What tests share is no test.
    assert.equal(problemsOf("src/a/helper.ts", CODE), 1);
  });

  test("a header that names tests, all of which there are", () => {
    const headed = (tests: string) => `// Does this.\n// Tests: ${tests}\n${CODE}`;
    assert.equal(problemsOf("src/b.ts", headed("test/unit/deep/known.test.ts")), 0);
    assert.equal(problemsOf("src/b.ts", headed("test/unit/known.test.ts")), 1);
    assert.equal(problemsOf("src/b.ts", headed("test/unit/deep/known.test.ts, test/unit/gone.test.ts")), 1);
    assert.equal(problemsOf("src/known.ts", headed("test/unit/gone.test.ts")), 1);
    assert.equal(problemsOf("src/b.ts", `// Does this.\n${CODE}// Tests: test/unit/deep/known.test.ts\n`), 1);
  });

  test("neither types alone nor the face of a folder need any", () => {
    assert.equal(problemsOf("src/b.ts", "// Types.\nexport interface B {\n  readonly c: string;\n}\n"), 0);
    assert.equal(problemsOf("src/b/index.ts", 'export { b } from "./b.js";\n'), 0);
    for (const code of [
      "class B {}",
      "export abstract class B {}",
      "export async function b() {}",
      "await b();",
    ])
      assert.equal(problemsOf("src/b.ts", `// Code.\n${code}\n`), 1, code);
  });
});
