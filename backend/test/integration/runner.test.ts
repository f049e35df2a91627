// The runner of the suites: what is left open fails, what hangs is named, and all that was started ends with it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, test } from "@jest/globals";
import { projectFile, projectRoot } from "../../project-root.js";

const folder = mkdtempSync(path.join(tmpdir(), "runner-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(
  fixture: string,
  env: NodeJS.ProcessEnv = {},
  maxWorkers = 2,
): Promise<{ code: number | null; output: string }> {
  const config = projectFile("dist/backend/test/support/runner-config.js");
  const jest = spawn(
    process.execPath,
    // In a worker, as several files are.
    [
      "--experimental-vm-modules",
      projectFile("node_modules/jest/bin/jest.js"),
      "--config",
      config,
      `--maxWorkers=${maxWorkers}`,
      fixture,
    ],
    // A group of its own, which ends with it.
    {
      cwd: projectRoot,
      detached: true,
      stdio: ["ignore", "ignore", "pipe"],
      env: { ...process.env, ...env },
    },
  );
  const code = new Promise<number | null>((resolve) => jest.once("exit", resolve));
  return { output: await text(jest.stderr), code: await code };
}

/** What has ended but was not collected by its new parent has ended. */
function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  const stat = `/proc/${pid}/stat`;
  return !existsSync("/proc") || (existsSync(stat) && !/^\d+ \(.*\) [ZX]/.test(readFileSync(stat, "utf8")));
}

/** Resolves when the process of that file has ended. */
async function ends(pidFile: string): Promise<void> {
  const pid = Number(readFileSync(pidFile, "utf8"));
  assert.ok(pid > 1);
  while (runs(pid)) await delay(20);
}

test("a file that leaves a server listening fails, and says where that listens", async () => {
  const { code, output } = await run("leaves-open", { TEST_CLOSES_WITHIN_MS: "100" });
  assert.equal(code, 1, output);
  assert.match(output, /left open: TCPServerWrap\n\s+server at 127\.0\.0\.1:\d+/);
});

test("a file that fails and leaves a process behind says why it has failed, and the process ends", async () => {
  const PID_FILE = path.join(folder, "left-by-a-failure");
  const { code, output } = await run("fails-open", { PID_FILE, TEST_CLOSES_WITHIN_MS: "100" });
  assert.equal(code, 1, output);
  assert.match(output, /● that fails before it ends its process\n[^●]*Received:\s+"seen"/);
  assert.match(output, /left open: ProcessWrap\n\s+child process \d+/);
  await ends(PID_FILE);
});

test("a run that does not end after its last file is ended", async () => {
  const PID_FILE = path.join(folder, "left-by-a-process");
  const { code, output } = await run("never-ends", { PID_FILE, TEST_ENDS_WITHIN_MS: "1000" });
  assert.equal(code, null, output);
  assert.match(output, /It does not end: [\d.]+ s after its last file\./);
  await ends(PID_FILE);
});

test("a file that does not give the event loop back is named, and ended with the server and the folder of its run", async () => {
  const [PID_FILE, FOLDER_FILE] = [path.join(folder, "pid"), path.join(folder, "folder")];
  const { code, output } = await run("busy", { PID_FILE, FOLDER_FILE, TEST_HANGS_AFTER_MS: "10000" });
  assert.equal(code, null, output);
  assert.match(
    output,
    /It hangs: nothing has begun or ended for [\d.]+ s\. Under way:\n {2}.*busy\.fixture\.js\n {4}that does not give the event loop back\n/,
  );
  await ends(PID_FILE);
  const runFolder = readFileSync(FOLDER_FILE, "utf8");
  assert.equal(path.basename(runFolder), "shared");
  while (existsSync(path.dirname(runFolder))) await delay(20);
});

test("what a file has stored by asynchronous context costs the files behind it nothing", async () => {
  const { code, output } = await run("storages-", {}, 1);
  assert.equal(code, 0, output);
  assert.match(output, /2 passed, 2 total/);
});
