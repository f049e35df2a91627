// Picks a loopback TCP port for a server that is about to be started.
// Tests: test/integration/embedded-postgres.test.ts
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

// Below the range the kernel draws outgoing ports from (32768 on Linux), so that a server that is stopped and
// started again on its port does not find a client connection sitting there.
const LOWEST_PORT = 20_000;
const HIGHEST_PORT = 32_000;
const ATTEMPTS = 50;

/** Resolves to true when a server could listen on the port of that address now. */
export function isPortFree(port: number, host = "127.0.0.1"): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host, exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

/**
 * Finds a free port on 127.0.0.1. Another process may still take it first: callers try again with a new one.
 * @throws Error when 50 random ports were all taken.
 */
export async function findFreePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isPortFree(port)) return port;
  }
  throw new Error(`No free TCP port found on 127.0.0.1 between ${LOWEST_PORT} and ${HIGHEST_PORT}`);
}
