// The proxy that faults are made with: a cut leaves a process that can end.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "@jest/globals";

/** At the latest: a process that spins at its exit never does. */
const ENDS_WITHIN_MS = 120_000;

test("a connection that is cut while its end is being sent leaves nothing behind", () => {
  const program = fileURLToPath(new URL("../support/cut-connection.js", import.meta.url));
  const { status } = spawnSync(process.execPath, [program], {
    timeout: ENDS_WITHIN_MS,
    killSignal: "SIGKILL",
  });
  assert.equal(status, 0, "the process does not end");
});
