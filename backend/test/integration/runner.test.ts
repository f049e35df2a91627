// The runner of the suites: what is left open fails, and what hangs is named and ended with all that it has started.
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
      "--maxWorkers=2",
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

test("a file that leaves a server listening fails, and says where that listens", async () => {
  const { code, output } = await run("leaves-open", { TEST_CLOSES_WITHIN_MS: "100" });
  assert.equal(code, 1, output);
  assert.match(output, /left open: TCPServerWrap\n\s+server at 127\.0\.0\.1:\d+/);
});

test("a file that does not give the event loop back is named, and ended with the server that it has started", async () => {
  const PID_FILE = path.join(folder, "pid");
  const { code, output } = await run("busy", { PID_FILE, TEST_HANGS_AFTER_MS: "10000" });
  assert.equal(code, null, output);
  assert.match(
    output,
    /It hangs: nothing has begun or ended for [\d.]+ s\. Under way:\n {2}.*busy\.fixture\.js\n {4}that does not give the event loop back\n/,
  );
  const pid = Number(readFileSync(PID_FILE, "utf8"));
  assert.ok(pid > 1);
  while (runs(pid)) await delay(20);
});
