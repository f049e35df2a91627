// Which browser tests take: the one that is named, one on the path, Debian's package; else a failure that says what to do.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { onPath } from "../../servers/debian-package.js";
import { findBrowser } from "../../servers/find-browser.js";
import { afterTest } from "../../servers/in-test.js";

/** Programs that the installation itself runs. */
const TOOLS = ["sh", "flock", "chmod", "rm", "sleep"];
const INSTALLS = process.getuid?.() === 0 && existsSync("/etc/debian_version");

/** The only folder on the path until the test has ended. */
function onlyFolder(chromium: string | undefined): string {
  const folder = mkdtempSync(path.join(tmpdir(), "browser-"));
  for (const tool of TOOLS) {
    const real = onPath(tool);
    if (real !== undefined) symlinkSync(real, path.join(folder, tool));
  }
  const { PATH, TEST_CHROMIUM } = process.env;
  process.env.PATH = folder;
  if (chromium === undefined) delete process.env.TEST_CHROMIUM;
  else process.env.TEST_CHROMIUM = chromium;
  afterTest(() => {
    process.env.PATH = PATH;
    if (TEST_CHROMIUM === undefined) delete process.env.TEST_CHROMIUM;
    else process.env.TEST_CHROMIUM = TEST_CHROMIUM;
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function program(folder: string, name: string, script = "exit 0"): string {
  const file = path.join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

describe("the browser of the tests", () => {
  test("is the one that is named, by its name or its path; one that is not there is a failure", () => {
    const folder = onlyFolder("other");
    assert.throws(findBrowser, /TEST_CHROMIUM: there is no program other/);
    program(folder, "chromium");
    const other = program(folder, "other");
    assert.equal(findBrowser(), other);
    process.env.TEST_CHROMIUM = other;
    assert.equal(findBrowser(), other);
    process.env.TEST_CHROMIUM = path.join(folder, "none");
    assert.throws(findBrowser, /TEST_CHROMIUM: there is no program .*none/);
  });

  test("else is one that is installed", () => {
    const folder = onlyFolder(undefined);
    const chrome = program(folder, "google-chrome");
    assert.equal(findBrowser(), chrome);
    const chromium = program(folder, "chromium");
    assert.equal(findBrowser(), chromium);
  });

  test("else is Debian's package, where that may be installed", () => {
    const folder = onlyFolder(undefined);
    const chromium = path.join(folder, "chromium");
    program(folder, "apt-get", `case "$*" in *install*) : > ${chromium}; chmod +x ${chromium}; esac`);
    if (INSTALLS) assert.equal(findBrowser(), chromium);
    else assert.throws(findBrowser, /install Chromium/);
  });

  test("else is a failure that says what to install", () => {
    const folder = onlyFolder(undefined);
    program(folder, "apt-get", 'test "$1" = update');
    assert.throws(findBrowser, /install Chromium .* or Google Chrome, or set TEST_CHROMIUM to its path/);
  });
});
