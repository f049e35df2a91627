// The command line out of the packed tarball, as `npx express-tenant-cache` runs it: on the oldest Node, without ioredis and with it.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { sharedRedisUrl } from "../../../servers/index.js";
import { runCommand } from "../support/command-line.js";
import { nodeBinary } from "./node-binaries.js";
import { createNpmProject, install, packLibrary } from "./npm.js";

const run = promisify(execFile);

describe("npx express-tenant-cache", () => {
  const project = createNpmProject();
  const modules = path.join(project.folder, "node_modules");
  const program = path.join(modules, "express-tenant-cache", "dist", "cli", "main.js");
  let unreachable: string | undefined;

  beforeAll(async () => {
    const { file } = await packLibrary(project.folder);
    unreachable = await install(project.folder, file, "express@5");
  });
  afterAll(() => project.remove());

  test("npm has linked it; help and the version need nothing else", async () => {
    if (unreachable) assert.fail(unreachable);
    const bin = path.join(modules, ".bin", "express-tenant-cache");
    const { stdout } = await run(bin, ["--version"]);
    assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
    const { file, missing } = await nodeBinary("20.19.0");
    if (missing !== undefined) assert.fail(missing);
    const help = await run(file, [program, "doctor", "--help"]);
    assert.match(help.stdout, /Usage: express-tenant-cache doctor/);
  });

  test("without ioredis: its name, and how to install it; an app is asked all the same", async () => {
    if (unreachable) assert.fail(unreachable);
    for (const command of ["doctor", "stats", "keys", "top", "tail"]) {
      const { code, stderr } = await runCommand([command, "--redis", "redis://127.0.0.1:6379"], {}, program);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /^ETC_REDIS_MISSING: .*npm install ioredis/m);
    }
    const { code, stderr } = await runCommand(["stats", "--app", "http://127.0.0.1:1/ops"], {}, program);
    assert.equal(code, 3, stderr);
  });

  test("with ioredis, on the oldest Node: a Redis is checked", async () => {
    if (unreachable) assert.fail(unreachable);
    unreachable = await install(project.folder, "ioredis@6");
    if (unreachable) assert.fail(unreachable);
    const { file, missing } = await nodeBinary("20.19.0");
    if (missing !== undefined) assert.fail(missing);
    const env = { REDIS_URL: await sharedRedisUrl(), PATH: process.env.PATH };
    const { stdout } = await run(file, [program, "stats", "--json"], { env });
    assert.ok(JSON.parse(stdout).server.usedMemoryBytes > 0);
    // Other suites use the same server: what it finds is theirs.
    const doctor = await runCommand(["doctor", "--json"], env, program);
    assert.ok(doctor.code === 0 || doctor.code === 1, doctor.stderr);
    const { findings } = JSON.parse(doctor.stdout);
    assert.ok(
      findings.some(
        ({ id, severity }: { id: string; severity: string }) => id === "acl" && severity === "ok",
      ),
    );
  });
});
