// What advice keeps of ten thousand tenants, counted in bytes; and what it takes of the processor, told.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { test } from "@jest/globals";
import { afterTest, tell } from "../../../servers/in-test.js";
import type { AdvisedProcess } from "../support/advised-process.js";

const MAX_BYTES = 1_000_000;

/** V8 keeps up to a quarter more or less around the same data: the least of so many processes is nearest to it. */
const PROCESSES = 3;

async function advised(): Promise<AdvisedProcess> {
  const child = fork(fileURLToPath(new URL("../support/advised-process.js", import.meta.url)), {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  afterTest(() => child.kill("SIGKILL"));
  const [said] = (await once(child, "message")) as [AdvisedProcess];
  return said;
}

test("ten thousand tenants leave less than a megabyte", async () => {
  const all: AdvisedProcess[] = [];
  while (all.length < PROCESSES) all.push(await advised());
  const retainedBytes = Math.min(...all.map((each) => each.retainedBytes));
  for (const { saidBytes, tenants, cpuMicroseconds } of all) {
    tell(
      `${retainedBytes} bytes retained, ${saidBytes} told; ${cpuMicroseconds.toFixed(2)} µs of the processor for a request`,
    );
    assert.equal(tenants, 16);
    assert.ok(retainedBytes > 300_000, "it was measured");
    assert.ok(retainedBytes < MAX_BYTES, `${retainedBytes}`);
    // What it says of itself is not far from the truth.
    assert.ok(saidBytes < MAX_BYTES && saidBytes > retainedBytes / 2, `${saidBytes}`);
  }
});
