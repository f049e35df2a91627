// scripts/bootstrap.mjs, which starts all of the commands: it has compiled what it runs, and asks the compiler only where something has changed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { beforeEach, describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { afterTest } from "../../servers/in-test.js";

/** In the place of the compiler: writes down that it was called, and fails where a source says so. */
const COMPILER = `
const { appendFileSync, mkdirSync, readFileSync, writeFileSync } = require("node:fs");
const root = require("node:path").resolve(__dirname, "../../..");
appendFileSync(root + "/compiled.log", process.argv.at(-1).replace(root, "") + "\\n");
if (/error/.test(readFileSync(root + "/backend/one.ts", "utf8"))) process.exit(1);
for (const folder of ["dist/scripts", "backend/cache/dist"]) mkdirSync(root + "/" + folder, { recursive: true });
writeFileSync(root + "/dist/scripts/hello.js", 'console.log("hello")');
writeFileSync(root + "/backend/cache/dist/index.js", "");
`;

describe("scripts/bootstrap.mjs", () => {
  let root: string;
  const write = (file: string, text: string) => {
    mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    writeFileSync(path.join(root, file), text);
  };
  beforeEach(() => {
    root = mkdtempSync(path.join(tmpdir(), "bootstrap-"));
    afterTest(() => rmSync(root, { recursive: true, force: true }));
    mkdirSync(path.join(root, "scripts"));
    cpSync(projectFile("scripts/bootstrap.mjs"), path.join(root, "scripts/bootstrap.mjs"));
    write("package.json", "{}");
    write("package-lock.json", '{ "packages": {} }');
    write("tsconfig.json", "{}");
    write("node_modules/.installed-lock", createHash("sha256").update('{ "packages": {} }').digest("hex"));
    write("node_modules/typescript/bin/tsc", COMPILER);
    write("backend/one.ts", "");
    write("backend/cache/src/two.mts", "");
  });

  /** What it prints, and the projects that were compiled before. */
  function run(): { readonly printed: string; readonly compiled: number } {
    const log = path.join(root, "compiled.log");
    rmSync(log, { force: true });
    const { npm_lifecycle_event: _, ...env } = process.env;
    const printed = execFileSync(process.execPath, ["scripts/bootstrap.mjs", "hello"], {
      cwd: root,
      env,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return { printed, compiled: existsSync(log) ? readFileSync(log, "utf8").trim().split("\n").length : 0 };
  }
  const BOTH = { printed: "hello\n", compiled: 2 };
  const NONE = { printed: "hello\n", compiled: 0 };

  test("compiles both projects once, and again when something has changed", () => {
    assert.deepEqual(run(), BOTH);
    assert.deepEqual(run(), NONE);
    const changes: readonly (() => void)[] = [
      () => write("backend/one.ts", "// changed"),
      () => write("backend/cache/src/two.mts", "// changed"),
      () => write("backend/cache/src/three.ts", ""),
      () => rmSync(path.join(root, "backend/cache/src/three.ts")),
      () => write("scripts/four.ts", ""),
      () => write("tsconfig.json", '{ "include": [] }'),
      () => rmSync(path.join(root, "dist"), { recursive: true }),
      () => rmSync(path.join(root, "backend/cache/dist"), { recursive: true }),
    ];
    for (const change of changes) {
      change();
      assert.deepEqual([run(), run()], [BOTH, NONE], String(change));
    }
  });

  test("what does not compile is not run, this time and the next", () => {
    run();
    write("backend/one.ts", "error");
    for (let time = 0; time < 2; time++) assert.throws(run);
    write("backend/one.ts", "mended");
    assert.deepEqual(run(), BOTH);
  });

  test("what no source is: tests' folders of packages and what was compiled", () => {
    run();
    write("backend/node_modules/x/index.ts", "");
    write("backend/cache/dist/index.d.ts", "");
    write("backend/notes.md", "");
    assert.deepEqual(run(), NONE);
  });
});
