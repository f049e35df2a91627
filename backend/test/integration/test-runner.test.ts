// The runner of the suites: a file that hangs is ended, says where it hangs, and leaves none of its processes behind.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { type FileOutcome, PATIENCE, runTestFile } from "../../../scripts/test-suites/file-process.js";
import { projectFile, projectRoot } from "../../project-root.js";

const FILE = "dist/backend/test/support/hanging-suite.js";
const LONG_MS = 600_000;
/** Counts from the moment that the test has begun, which is after all that takes long. */
const SHORT_MS = 500;

const folder = mkdtempSync(path.join(tmpdir(), "test-runner-"));
after(() => rmSync(folder, { recursive: true, force: true }));

function run(way: string, env: NodeJS.ProcessEnv = {}): Promise<FileOutcome> {
  const patience = {
    testMs: way === "end" ? LONG_MS : SHORT_MS,
    endMs: way === "end" ? SHORT_MS : LONG_MS,
    answerMs: way === "busy" ? SHORT_MS : LONG_MS,
  };
  const signal = new AbortController().signal;
  return runTestFile(FILE, { env: { HANG: way, ...env }, patience, signal });
}

function processesIn(text: string): number[] {
  const [, pids = ""] = /^processes (.*)$/m.exec(text) ?? [];
  const ids = pids.split(" ").map(Number);
  assert.ok(ids.length >= 3 && ids.every((pid) => pid > 1), text);
  return ids;
}

/** Of a file that runs. */
async function processesOnceStarted(pidsFile: string): Promise<number[]> {
  while (!existsSync(pidsFile)) await delay(20);
  const pids = processesIn(readFileSync(pidsFile, "utf8"));
  assert.ok(pids.every(runs));
  return pids;
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

async function untilGone(pids: readonly number[]): Promise<void> {
  while (pids.some(runs)) await delay(20);
}

describe("the runner of the suites", () => {
  const WAYS: readonly [way: string, says: readonly RegExp[], env?: NodeJS.ProcessEnv][] = [
    [
      "test",
      [
        /hangs: nothing has begun or ended for [\d.]+ s\. Under way:\n {4}a suite \(.*\n {6}that waits for what never comes \(/,
        /server at 127\.0\.0\.1:\d+\n/,
        /connection 127\.0\.0\.1:\d+ to 127\.0\.0\.1:\d+|child process \d+/,
        /TCPServerWrap/,
        /✔ that ends/,
      ],
      { WITH_POSTGRES: "1" },
    ],
    ["hook", [/hangs: .* Under way:\n {4}a suite whose hook hangs \(/]],
    ["busy", [/Under way:\n {4}that does not give the event loop back \(/, /busy in one turn/]],
    ["end", [/does not end: its tests have/, /server at 127\.0\.0\.1:\d+/]],
    ["killed", [/ended with SIGKILL/]],
  ];
  for (const [way, says, env] of WAYS) {
    test(`ends a file that does not, says where it is, and leaves nothing behind: ${way}`, async () => {
      const { counts, output } = await run(way, env);
      for (const what of says) assert.match(output, what);
      assert.ok(counts.fail + counts.cancelled > 0);
      await untilGone(processesIn(output));
    });
  }

  test("ends it when it is told to stop", async () => {
    const stop = new AbortController();
    const pidsFile = path.join(folder, "of-a-file-that-is-stopped");
    const env = { HANG: "hook", PIDS_FILE: pidsFile };
    const outcome = runTestFile(FILE, { env, patience: PATIENCE, signal: stop.signal });
    const pids = await processesOnceStarted(pidsFile);
    stop.abort();
    assert.match((await outcome).output, /ended with SIGKILL/);
    await untilGone(pids);
  });

  test("takes the files that it runs with it when it is killed itself", async () => {
    const module = JSON.stringify(
      pathToFileURL(projectFile("dist/scripts/test-suites/file-process.js")).href,
    );
    const script = `import { PATIENCE, runTestFile } from ${module};
      const { signal } = new AbortController();
      await runTestFile("${FILE}", { env: { HANG: "hook" }, patience: PATIENCE, signal });`;
    const pidsFile = path.join(folder, "of-a-runner-that-is-killed");
    const runner = spawn(process.execPath, ["--input-type=module", "--eval", script], {
      cwd: projectRoot,
      env: { ...process.env, PIDS_FILE: pidsFile },
      stdio: ["ignore", "ignore", "inherit"],
    });
    const pids = await processesOnceStarted(pidsFile);
    runner.kill("SIGKILL");
    await untilGone(pids);
  });
});
