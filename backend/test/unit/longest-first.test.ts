// Files that take long begin first, also where nobody has measured them yet.
import assert from "node:assert/strict";
import { existsSync, statSync } from "node:fs";
import { describe, test } from "@jest/globals";
import type { Test } from "@jest/reporters";
import LongestFirst, { LONGEST } from "../../../scripts/jest/longest-first.js";
import { projectFile } from "../../project-root.js";

const [slowest, second] = LONGEST;
const cacheDirectory = projectFile("dist");
/** Of a project that has never run: nothing is known of how long its files take. */
const context = {
  config: { id: "never-run", cacheDirectory, cache: false, rootDir: cacheDirectory },
  hasteFS: { getSize: (file: string) => statSync(file).size },
};
const fileOf = (name: string): Test => ({ context, path: projectFile(`dist/${name}.js`) }) as unknown as Test;

async function order(...tests: Test[]): Promise<string[]> {
  const sequencer = new LongestFirst({ contexts: [], globalConfig: {} } as never);
  return (await sequencer.sort(tests)).map(({ path }) => path.replace(/^.*\/dist\/|\.js$/g, ""));
}

describe("the order of test files", () => {
  test("those that are known to be slow come first, whatever their size", async () => {
    const [large, small] = ["backend/test/http/lane.test", "backend/test/unit/merkle.test"];
    assert.deepEqual(await order(fileOf(small), fileOf(large), fileOf(second), fileOf(slowest)), [
      slowest,
      second,
      large,
      small,
    ]);
  });

  test("each of them is there", () => {
    for (const name of LONGEST) assert.ok(existsSync(projectFile(`dist/${name}.js`)), name);
  });
});
