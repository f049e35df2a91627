// The proxy that faults are made with: a cut leaves a process that can end.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { describe, test } from "@jest/globals";
import { resetConnection } from "../../servers/tcp-proxy.js";

/** At the latest: a process that spins at its exit never does. */
const ENDS_WITHIN_MS = 120_000;

async function cutWhileTheEndIsSent(): Promise<void> {
  const server = createServer((socket) => socket.on("error", () => undefined));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  await once(client, "connect");
  client.end("x");
  await new Promise(process.nextTick);
  assert.equal(client.writableFinished, false);
  resetConnection(client);
  server.close();
}

if (process.env.CUT_CONNECTION) await cutWhileTheEndIsSent();
else
  describe("the TCP proxy", () => {
    test("a connection that is cut while its end is being sent leaves nothing behind", () => {
      const { status } = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
        env: { CUT_CONNECTION: "1" },
        timeout: ENDS_WITHIN_MS,
        killSignal: "SIGKILL",
      });
      assert.equal(status, 0, "the process does not end");
    });
  });
