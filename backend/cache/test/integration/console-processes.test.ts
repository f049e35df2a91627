// A purge is confirmed when it holds in every process: none of three on one Redis serves what was purged to whoever asks after that.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { closeAfterTest, tell } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { PurgeProcesses, type PurgeTimes } from "../support/purge-processes.js";

/** More of them measure how long it takes: `CONSOLE_PURGES=500`. */
const PURGES = Number(process.env.CONSOLE_PURGES ?? 20);

test("what one process has purged and confirmed, no process serves", async () => {
  const processes = await PurgeProcesses.start(await sharedRedisUrl(), 3, PURGES);
  closeAfterTest(processes);
  const all: PurgeTimes[] = [];
  for (let index = 0; index < PURGES; index++) {
    const times = await processes.purge();
    assert.equal(times.late, 0, `purge ${index}`);
    all.push(times);
  }
  const rows: Record<string, (times: PurgeTimes) => number> = {
    "new fences after": ({ toldMs }) => toldMs,
    "confirmed after": ({ confirmedMs }) => confirmedMs,
    "filled anew and sent by all after": ({ everywhereMs }) => everywhereMs,
  };
  for (const [name, timeOf] of Object.entries(rows)) {
    const sorted = all.map(timeOf).sort((one, other) => one - other);
    const [median, p99, most] = [0.5, 0.99, 1].map((of) => sorted[Math.ceil(of * sorted.length) - 1]);
    tell(
      `${PURGES} purges: ${name} ${median?.toFixed(1)} ms, p99 ${p99?.toFixed(1)}, most ${most?.toFixed(1)}`,
    );
  }
});
