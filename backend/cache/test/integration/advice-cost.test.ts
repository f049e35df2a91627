// What advice keeps of ten thousand tenants, counted in bytes; and what it takes of the processor, told.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "@jest/globals";
import { afterTest, tell } from "../../../servers/in-test.js";
import type { AdvisedProcess } from "../support/advised-process.js";

const MAX_BYTES = 1_000_000;

test("ten thousand tenants leave less than a megabyte", async () => {
  const child = fork(fileURLToPath(new URL("../support/advised-process.js", import.meta.url)), {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  afterTest(() => child.kill("SIGKILL"));
  const [{ retainedBytes, saidBytes, tenants, cpuMicroseconds }] = (await once(child, "message")) as [
    AdvisedProcess,
  ];
  tell(
    `${retainedBytes} bytes retained, ${saidBytes} told; ${cpuMicroseconds.toFixed(2)} µs of the processor for a request`,
  );
  assert.equal(tenants, 16);
  assert.ok(retainedBytes > 300_000, "it was measured");
  assert.ok(retainedBytes < MAX_BYTES, `${retainedBytes}`);
  // What it says of itself is not far from the truth.
  assert.ok(saidBytes < MAX_BYTES && saidBytes > retainedBytes / 2, `${saidBytes}`);
});
