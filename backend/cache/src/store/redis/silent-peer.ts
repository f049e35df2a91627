// Gives up a connection whose peer has vanished without closing it (a host lost, a firewall), or answers nothing any more.
// Tests: test/faults/cluster-failover.test.ts
import type { Socket } from "node:net";
import { monotonicNow, setTimeout } from "../../timers.js";
import type { RedisClient } from "./redis-client.js";

const SILENT_MS = 5000;
const LOOK_EVERY_MS = 1000;

/**
 * What ioredis's `socketTimeout` does, on a clock that tests of an app cannot turn forward: under fake timers
 * that option takes a command that is under way for one that has waited for all the time that a test skips.
 * Users who set it have it as it is.
 */
export function giveUpSilentPeers(client: Pick<RedisClient, "options" | "stream" | "on">): void {
  client.on("+node", giveUpSilentPeers);
  client.on("connect", () => {
    if (client.stream && client.options?.socketTimeout === undefined) watch(client.stream);
  });
}

function watch(stream: Socket): void {
  let { bytesRead, bytesWritten } = stream;
  let askedAtMs: number | undefined;
  const answered = (): void => {
    ({ bytesRead, bytesWritten } = stream);
    askedAtMs = undefined;
  };
  // Before ioredis gets it, which may ask the next thing at once.
  stream.prependListener("data", answered);
  const look = (): void => {
    if (stream.destroyed) return;
    // Where replies are read past the stream's events.
    if (stream.bytesRead !== bytesRead) answered();
    else if (stream.bytesWritten !== bytesWritten) askedAtMs ??= monotonicNow();
    if (askedAtMs === undefined || monotonicNow() - askedAtMs < SILENT_MS)
      setTimeout(look, LOOK_EVERY_MS).unref();
    else stream.destroy(new Error(`no answer within ${SILENT_MS} ms`));
  };
  look();
}
