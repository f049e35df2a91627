// What the Dockerfile puts into the image, and nothing else: the operator's commands run there, too.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { createTestDatabase, type TestDatabase } from "../services/index.js";
import { SECRET } from "../support/crm.js";
import { copyImageFiles } from "../support/image-files.js";

const image = mkdtempSync(path.join(tmpdir(), "image-files-"));

describe("the files of the image", () => {
  let database: TestDatabase;
  before(async () => {
    database = await createTestDatabase();
    copyImageFiles(image, "copied");
  });
  after(async () => {
    rmSync(image, { recursive: true, force: true });
    await database.drop();
  });

  test("are enough for npm run admin, which installs and compiles nothing there", async () => {
    assert.ok(!existsSync(path.join(image, "node_modules/typescript")));
    assert.ok(!existsSync(path.join(image, "dist/backend/test")));
    const env = {
      PATH: process.env.PATH,
      NODE_ENV: "production",
      JWT_SECRET: SECRET,
      DATABASE_URL: database.url,
    };
    const admin = async (...args: string[]) =>
      (await promisify(execFile)("npm", ["run", "--silent", "admin", "--", ...args], { cwd: image, env }))
        .stdout;
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
});
