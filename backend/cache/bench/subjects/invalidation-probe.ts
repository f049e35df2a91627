// Not a server that is asked: times invalidations against bare SETs on the cache's own connection, call by call.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { Redis } from "ioredis";
import { createTenantCache } from "../../src/index.js";
import { tenantId } from "../workload.js";
import type { StartSubject } from "./subject.js";

export interface Alternation {
  readonly setMs: readonly number[];
  readonly invalidationMs: readonly number[];
}

const HOUR_MS = 3_600_000;
const UNCOUNTED = 20;
// The sweep behind the first invalidation begins 50 ms after it, and would be in the way of both.
const BURST_MS = 40;

const start: StartSubject = async ({ config }) => {
  const client = new Redis(config.redisUrl);
  // Each burst's cache listens to it until the end.
  client.setMaxListeners(0);
  const tenant = tenantId(0);
  const set = () => client.set("plain", randomUUID(), "PX", HOUR_MS);

  /** Calls in turn, for as long as no sweep has begun. */
  const alternate = async (): Promise<Alternation> => {
    const setMs: number[] = [];
    const invalidationMs: number[] = [];
    // Of its own: closed after the burst, so that its sweeps never begin. The client stays connected.
    const cache = createTenantCache({ redis: client, tenant: () => undefined });
    if (!(await cache.ready())) throw new Error("the cache is not ready");
    for (let call = 0; call < UNCOUNTED; call++) await set();
    const startedAtMs = performance.now();
    for (let pair = 0; performance.now() - startedAtMs < BURST_MS; pair++) {
      const setTook = await timed(set);
      const invalidationTook = await timed(() => cache.invalidateTenantCache(tenant, "accounts"));
      // The first ones of a burst pay for waking up, and the very first one brings its script along.
      if (pair < UNCOUNTED) continue;
      setMs.push(setTook);
      invalidationMs.push(invalidationTook);
    }
    await cache.close();
    return { setMs, invalidationMs };
  };
  return { server: createServer(), controls: { alternate } };
};

async function timed(call: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await call();
  return performance.now() - startedAtMs;
}

export default start;
