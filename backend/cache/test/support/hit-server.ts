// A process that serves one list plain, through `cacheList` behind two kinds of servers, and through the lane with and without the
// in-process tier, and tells how much it allocates. It makes no garbage collection while it is asked: run it with `--expose-gc
// --max-semi-space-size=512`.
import { once } from "node:events";
import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { createTenantCache, expressServerOptions } from "../../src/index.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "./caches.js";

export interface HitServerReady {
  readonly ports: Readonly<Record<HitPath, number>>;
}
export type HitPath = "plain" | "cacheList" | "prepared" | "lane" | "redisOnly";

/** Bytes in use: in V8's heap, and in buffers outside it. */
export interface Allocated {
  readonly heap: number;
  readonly buffers: number;
}

const TENANT = "tenant-1";
const BODY = Buffer.from(JSON.stringify({ rows: "x".repeat(20_000) }));

async function listen(listener: RequestListener, options: ServerOptions = {}): Promise<number> {
  const server: Server = createServer(options, listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function cachedApp(maxBytes: number) {
  const cache = createTenantCache({
    redis: process.env.HIT_REDIS_URL,
    local: { maxBytes },
    tenant: () => TENANT,
    ...PATIENT,
    logger: quiet,
  });
  if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("Redis is not reachable");
  const app = express();
  app.get("/list", cache.cacheList("items", { ttlSeconds: 3600, maxStaleness: 60_000 }), (_req, res) => {
    res.setHeader("Content-Type", "application/json");
    res.end(BODY);
  });
  return { app, lane: cache.lane(app, { identify: () => ({ tenant: TENANT }) }) };
}

const inProcess = await cachedApp(1e7);
const redisOnly = await cachedApp(0);
const ready: HitServerReady = {
  ports: {
    plain: await listen((_req, res) => {
      res.setHeader("Content-Type", "application/json");
      res.end(BODY);
    }),
    cacheList: await listen(inProcess.app),
    prepared: await listen(inProcess.app, expressServerOptions(inProcess.app)),
    lane: await listen(inProcess.lane),
    redisOnly: await listen(redisOnly.lane),
  },
};
// Collected before the first figure, not before the second: the difference is what was allocated in between.
process.on("message", (message) => {
  if (message === "collect") globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  process.send?.({ heap: heapUsed, buffers: arrayBuffers } satisfies Allocated);
});
process.send?.(ready);
