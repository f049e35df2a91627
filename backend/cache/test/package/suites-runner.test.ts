// The runner of these suites on the versions of Node that users run: `npm test` is the first thing that they type.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { test } from "@jest/globals";
import { projectFile, projectRoot } from "../../../project-root.js";
import { nodeBinary } from "./node-binaries.js";

test.each(["22", "24", "26"])("files run, and end, with Node %s", async (version) => {
  const { file, missing } = await nodeBinary(version);
  if (missing !== undefined) assert.fail(missing);
  const jest = [
    "--experimental-vm-modules",
    projectFile("node_modules/jest/bin/jest.js"),
    "--config",
    projectFile("dist/backend/test/support/runner-config.js"),
    "--maxWorkers=1",
    "storages-",
  ];
  const { stderr } = await promisify(execFile)(file, jest, { cwd: projectRoot });
  assert.match(stderr, /2 passed, 2 total/);
});
