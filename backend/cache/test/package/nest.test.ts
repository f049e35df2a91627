// `express-tenant-cache/nestjs` from the tarball, in applications of Nest 10 and 11 whose tests run as Nest generates them.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { NEST_APP } from "./nest-app.js";
import { createNpmProject, install, type NpmProject, packLibrary } from "./npm.js";
import { INNER_TIMEOUT_MS, isFull } from "./tools.js";

const run = promisify(execFile);

/** Of one of Nest's versions. */
const nestPackages = (version: string): readonly string[] => [
  `@nestjs/common@${version}`,
  `@nestjs/core@${version}`,
  `@nestjs/platform-express@${version}`,
  `@nestjs/testing@${version}`,
  "reflect-metadata@0.2",
  "rxjs@7",
  "jest@30",
  "ts-jest@29",
  "typescript@5.9",
  "@types/jest@30",
  "@types/node@20",
  "@types/express@5",
  "@types/supertest@7",
  "supertest@7",
  "light-my-request@6.6",
];

describe("Nest", () => {
  const packed = createNpmProject();
  let tarball: string;
  beforeAll(async () => {
    tarball = (await packLibrary(packed.folder)).file;
  });
  afterAll(() => packed.remove());

  for (const version of isFull ? ["11", "10"] : ["11"])
    describe(`Nest ${version}`, () => {
      let project: NpmProject;
      beforeAll(async () => {
        project = createNpmProject();
        project.write("package.json", JSON.stringify({ private: true }));
        for (const folder of ["src", "test"]) mkdirSync(path.join(project.folder, folder));
        for (const [file, text] of Object.entries(NEST_APP)) project.write(file, text);
        assert.equal(await install(project.folder, tarball, ...nestPackages(version)), undefined);
      });
      afterAll(() => project?.remove());

      test("its tests pass, and it compiles", async () => {
        const jest = path.join(project.folder, "node_modules", "jest", "bin", "jest.js");
        const env = { ...process.env, NODE_OPTIONS: "", JEST_WORKER_ID: undefined };
        const args = ["--ci", "--runInBand", `--testTimeout=${INNER_TIMEOUT_MS}`];
        const { stderr } = await run(process.execPath, [jest, ...args], { cwd: project.folder, env });
        assert.match(stderr, /Tests: +23 passed, 23 total/);
      });

      test("on another adapter it does not start", async () => {
        project.write(
          "adapter.js",
          `require("reflect-metadata");
const { NestFactory } = require("@nestjs/core");
const { AbstractHttpAdapter } = require("@nestjs/core");
const { TenantCacheModule } = require("express-tenant-cache/nestjs");
class Other extends AbstractHttpAdapter {
  constructor() { super({}); }
  getType() { return "fastify"; }
  initHttpServer() {} registerParserMiddleware() {} setErrorHandler() {} setNotFoundHandler() {} close() {}
}
NestFactory.create(TenantCacheModule.forRoot({ tenant: () => "acme" }), new Other(), { logger: false, abortOnError: false })
  .then((app) => app.init())
  .then(() => console.log("started"), (error) => console.log(error.code))
  .then(() => process.exit(0));
`,
        );
        const { stdout } = await run(process.execPath, [path.join(project.folder, "adapter.js")]);
        assert.equal(stdout.trim(), "ETC_NEST_ADAPTER");
      });
    });
});
