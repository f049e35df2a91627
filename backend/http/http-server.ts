// The HTTP server's beginning and end: listening, and draining.
// Tests: test/faults/server-process.test.ts
import type { Server } from "node:http";
import type { AddressInfo, Server as NetServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Resolves with the address once the server listens; rejects as `listen` does (EADDRINUSE, EACCES). */
export function listen(server: NetServer, port: number, host: string): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      // An address object: the server listens on a port, never on a pipe.
      resolve(server.address() as AddressInfo);
    });
  });
}

/**
 * How long a connection may be idle. Longer than proxies keep theirs (60 seconds, nginx and load balancers alike): who sends requests has
 * to be the one who closes, or a request and the end of its connection meet on the way.
 */
export const KEEP_ALIVE_MS = 75_000;

/**
 * Goes on answering for a while, on connections that end with their answer: readiness says by then that this process stops, and whoever
 * distributes requests sees it at the next probe, not at once. Without it, what comes in between finds nobody who listens.
 * @param enough ends it early
 */
export async function answerWhileNoticed(
  server: Server,
  delayMs: number,
  enough: AbortSignal,
): Promise<void> {
  server.prependListener("request", (_req, res) => {
    res.shouldKeepAlive = false;
  });
  await sleep(delayMs, undefined, { signal: enough }).catch(() => undefined);
}

const IDLE_SWEEP_MS = 50;

/** Accepts no more connections, lets requests in flight finish, and cuts off those that outlast the grace period. */
export function drain(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const deadline = setTimeout(() => server.closeAllConnections(), graceMs);
    // A connection that has answered its last request would otherwise be kept alive for the next one.
    const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS);
    server.close(() => {
      clearTimeout(deadline);
      clearInterval(sweep);
      resolve();
    });
    server.closeIdleConnections();
  });
}
