// A folder in memory is taken where there is one that is large enough, and no other.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { memoryFolder } from "../../servers/memory-folder.js";

/** Of Linux. */
const TMPFS = 0x0102_1994;

test("what is taken is in memory", () => {
  const folder = memoryFolder();
  if (folder !== undefined) assert.equal(statfsSync(folder).type, TMPFS);
});

test("not taken: what is too small, is no place of its own, or is not there", () => {
  assert.equal(memoryFolder("/dev/shm", Number.MAX_SAFE_INTEGER), undefined);
  const folder = mkdtempSync(path.join(tmpdir(), "no-mount-"));
  afterTest(() => rmSync(folder, { recursive: true }));
  assert.equal(memoryFolder(folder, 0), undefined);
  assert.equal(memoryFolder(path.join(folder, "absent"), 0), undefined);
  // A mount that is no tmpfs, wherever Linux runs.
  if (existsSync("/proc/mounts")) assert.equal(memoryFolder("/proc", 0), undefined);
});
