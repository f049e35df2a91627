// A purge is confirmed when it holds in every process: none of three on one Redis serves what was purged to whoever asks after that.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { PurgeProcesses } from "../support/purge-processes.js";

const PURGES = 20;

test("what one process has purged and confirmed, no process serves", async () => {
  const processes = await PurgeProcesses.start(await sharedRedisUrl(), 3, PURGES);
  closeAfterTest(processes);
  for (let index = 0; index < PURGES; index++) {
    const { late } = await processes.purge();
    assert.equal(late, 0, `purge ${index}`);
  }
}, 120_000);
