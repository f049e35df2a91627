// What the Dockerfile puts into the image, and nothing else: the operator's commands run there, too.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { afterTest } from "../../servers/in-test.js";
import { createTestDatabase, type TestDatabase } from "../../servers/index.js";
import { SECRET } from "../support/crm.js";
import { copyImageFiles, NOT_COMPILED } from "../support/image-files.js";

const image = mkdtempSync(path.join(tmpdir(), "image-files-"));

describe("the files of the image", () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
    copyImageFiles(image, "copied");
  });
  afterAll(async () => {
    rmSync(image, { recursive: true, force: true });
    await database.drop();
  });

  test("are enough for npm run admin and npm run audit, which install and compile nothing there", async () => {
    assert.ok(!existsSync(path.join(image, "node_modules/typescript")));
    for (const folder of NOT_COMPILED) assert.ok(!existsSync(path.join(image, "dist", folder)), folder);
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      JWT_SECRET: SECRET,
      DATABASE_URL: database.url,
    };
    const run = async (script: string, ...args: string[]) =>
      (await promisify(execFile)("npm", ["run", "--silent", script, "--", ...args], { cwd: image, env }))
        .stdout;
    const admin = (...args: string[]) => run("admin", ...args);
    assert.match(await run("audit", "keygen", "crm.example/audit"), /^AUDIT_SIGNING_KEY=PRIVATE\+KEY\+/);
    assert.match(await run("audit", "--help"), /Exit codes/);
    assert.match(await admin("migrate"), /migrated: 0001_tenants/);
    assert.match(
      await admin("tenant", "create", "In the image", "--admin", "a@b.example"),
      /password, shown once/,
    );
    const [{ name }] = JSON.parse(await admin("tenant", "list", "--json")).tenants;
    assert.equal(name, "In the image");
    assert.match(
      await admin("token", "issue", "--tenant", name, "--email", "a@b.example"),
      /^[\w-]+\.[\w-]+\.[\w-]+\n$/,
    );
  });

  test("in a checkout that was installed and compiled by hand, npm run admin replaces nothing under a running server", async () => {
    const checkout = path.join(image, "checkout");
    mkdirSync(checkout);
    for (const name of readdirSync(image)) {
      if (name !== "checkout") symlinkSync(path.join(image, name), path.join(checkout, name));
    }
    rmSync(path.join(checkout, "scripts"));
    cpSync(projectFile("scripts/bootstrap.mjs"), path.join(checkout, "scripts/bootstrap.mjs"));
    for (const name of ["package-lock.json", "tsconfig.json"])
      cpSync(projectFile(name), path.join(checkout, name));
    const packages = path.join(image, "node_modules");
    const shown = () => readdirSync(packages).filter((name) => !name.startsWith("."));
    const installed = shown();
    cpSync(projectFile("node_modules/.package-lock.json"), path.join(packages, ".package-lock.json"));
    afterTest(() => rmSync(checkout, { recursive: true }));
    const { stdout } = await promisify(execFile)("npm", ["run", "--silent", "admin", "--", "--help"], {
      cwd: checkout,
      env: { PATH: process.env.PATH, NODE_ENV: "production" },
    });
    assert.match(stdout, /^Usage: admin /);
    assert.deepEqual(shown(), installed);
    assert.ok(!existsSync(path.join(packages, ".installed-lock")));
    assert.ok(lstatSync(path.join(checkout, "node_modules")).isSymbolicLink());
  });
});
