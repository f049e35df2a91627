// The app that is far away from Redis: a cache for each distance, all in one process, and what each of them has seen.
import { createServer } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import express from "express";
import { createTenantCache } from "../../src/index.js";
import { type Distance, HANDLER_MS, type Seen } from "../distance-terms.js";
import type { StartSubject } from "./subject.js";

const LOOK_EVERY_MS = 10;

function begun() {
  return { hitMs: [] as number[], misses: 0, bypasses: 0, openings: 0, lines: [] as string[] };
}

/** @param app where its routes go, below its number */
function addCache(app: express.Express, { redisUrl, budgetMs }: Distance, number: number) {
  let seen = begun();
  const log = (line: string) => void seen.lines.push(line);
  const cache = createTenantCache({
    redis: redisUrl,
    keyPrefix: `distance-${number}:`,
    tenant: () => "tenant",
    budgetMs,
    logger: { info: log, warn: log, error: log },
  });
  let wasClosed = true;
  setInterval(() => {
    const isClosed = cache.health().circuit === "closed";
    if (wasClosed && !isClosed) seen.openings++;
    wasClosed = isClosed;
  }, LOOK_EVERY_MS).unref();
  cache.events.on("miss", () => seen.misses++);
  cache.events.on("bypass", () => seen.bypasses++);
  app.get(
    `/${number}/list/:page`,
    (_req, res, next) => {
      const startedAtMs = performance.now();
      res.on("finish", () => {
        if (/; hit/.test(String(res.getHeader("Cache-Status"))))
          seen.hitMs.push(performance.now() - startedAtMs);
      });
      next();
    },
    cache.cacheList("accounts", 180),
    async (_req, res) => {
      await delay(HANDLER_MS);
      res.json({ rows: [] });
    },
  );
  app.post(`/${number}/list`, cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(201));
  return {
    begin: () => {
      seen = begun();
    },
    seen: (): Seen => ({ ...seen, reason: cache.health().reason }),
  };
}

const start: StartSubject = ({ config }) => {
  const app = express();
  const caches = (config.distances ?? []).map((distance, number) => addCache(app, distance, number));
  return {
    server: createServer(app),
    controls: {
      begin: () => caches.forEach((cache) => void cache.begin()),
      seen: () => caches.map((cache) => cache.seen()),
    },
  };
};

export default start;
