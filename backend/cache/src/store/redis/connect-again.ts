// Connects again where ioredis has given up for good: it does so where a connection is ended while it is being made, as news of a failover may do.
// Tests: test/faults/sentinel-lag.test.ts
import type { BackOff } from "../../back-off.js";
import { setTimeout } from "../../timers.js";
import type { MessageClient } from "./redis-client.js";

/** For clients that the cache has made itself, until `isClosed`. */
export function connectAgainOnEnd(
  client: Pick<MessageClient, "status" | "on" | "connect">,
  backOff: BackOff,
  isClosed: () => boolean,
): void {
  const again = () => {
    if (!isClosed() && client.status === "end") client.connect?.().catch(() => undefined);
  };
  client.on("end", () => {
    if (!isClosed()) setTimeout(again, backOff.nextSpread()).unref();
  });
}
