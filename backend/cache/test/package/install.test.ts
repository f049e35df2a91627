// The packed tarball in projects of its users: every supported Express, ioredis and Node, `import` and `require`, types.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
import { EXPECTED } from "./expected.js";
import { nodeBinary } from "./node-binaries.js";
import { createNpmProject, install, type NpmProject, packLibrary } from "./npm.js";
import { isFull } from "./tools.js";
import { COMPILERS, compile, writeTypedConsumer } from "./typed-consumer.js";

const run = promisify(execFile);
// The first that is supported, and the newest of each line.
const NODE_VERSIONS = ["20.19.0", "22", "24", "26"];
const PROJECTS = [
  {
    name: "Express 5, ioredis 6",
    express: ["express@5", "@types/express@5"],
    ioredis: ["ioredis@6"],
  },
  {
    name: "Express 4.18, ioredis 5.4",
    express: ["express@~4.18.0", "@types/express@4"],
    ioredis: ["ioredis@~5.4.0"],
  },
  { name: "Express 5, no ioredis", express: ["express@5", "@types/express@5"], ioredis: [] },
];
const COMPILING = ["@types/node@20", "typescript@5.9"];
const LOADERS = {
  "import.mjs": `import express from "express";
import * as library from "express-tenant-cache";
import "express-tenant-cache/testing";
import "express-tenant-cache/testing/store";
import { probe } from "./probe.mjs";
await probe(library, express);
`,
  "require.cjs": `require("express-tenant-cache/testing");
require("express-tenant-cache/testing/store");
const { probe } = require("./probe.mjs");
probe(require("express-tenant-cache"), require("express"));
`,
};
/** The first project on all of them; the others on the oldest and the newest, in the whole matrix on all. */
const versionsOf = (project: string) =>
  isFull || project === PROJECTS[0]?.name
    ? NODE_VERSIONS
    : NODE_VERSIONS.filter((_version, index) => index === 0 || index === NODE_VERSIONS.length - 1);

const packed = createNpmProject();
let tarball: string;
beforeAll(async () => {
  tarball = (await packLibrary(packed.folder)).file;
});
afterAll(() => packed.remove());

describe("installed", () => {
  for (const { name, express, ioredis } of PROJECTS) {
    describe(name, () => {
      let project: NpmProject;
      let unreachable: string | undefined;

      beforeAll(async () => {
        project = createNpmProject();
        for (const [file, text] of Object.entries(LOADERS)) project.write(file, text);
        project.write(
          "probe.mjs",
          readFileSync(fileURLToPath(new URL("./probe.js", import.meta.url)), "utf8"),
        );
        writeTypedConsumer(project, ioredis.length > 0);
        unreachable = await install(project.folder, tarball, ...express, ...ioredis, ...COMPILING);
      });
      afterAll(() => project.remove());

      for (const version of versionsOf(name)) {
        for (const loader of Object.keys(LOADERS)) {
          for (const store of ioredis.length > 0 ? ["in process", "Redis"] : ["in process"]) {
            test(`Node ${version}, ${loader}, ${store}`, async () => {
              const node = await nodeBinary(version);
              const missing = unreachable ?? node.missing;
              if (missing !== undefined) assert.fail(missing);
              const env = store === "Redis" ? await redisEnvironment() : {};
              assert.deepEqual(await runProbe(project, node.file, loader, env), EXPECTED);
            });
          }
        }
      }

      for (const [compiler, folderOf] of Object.entries(COMPILERS)) {
        test(`${compiler} compiles a strict project, the declarations included`, async () => {
          if (unreachable) assert.fail(unreachable);
          assert.equal(await compile(project, folderOf(project)), "");
        });
      }

      if (ioredis.length === 0) {
        test("the redis option says that ioredis is missing", async () => {
          if (unreachable) assert.fail(unreachable);
          const env = { PROBE_REDIS_URL: "redis://127.0.0.1:6379" };
          await assert.rejects(runProbe(project, process.execPath, "import.mjs", env), /ETC_REDIS_MISSING/);
        });
      }
    });
  }
});

async function redisEnvironment(): Promise<NodeJS.ProcessEnv> {
  return { PROBE_REDIS_URL: await sharedRedisUrl(), PROBE_KEY_PREFIX: `${randomUUID()}:` };
}

async function runProbe(
  { folder }: NpmProject,
  node: string,
  loader: string,
  env: NodeJS.ProcessEnv,
): Promise<unknown> {
  const { stdout } = await run(node, [path.join(folder, loader)], {
    cwd: folder,
    env: { ...process.env, ...env },
  });
  return JSON.parse(stdout);
}
