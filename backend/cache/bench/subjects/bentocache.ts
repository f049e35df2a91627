// bentocache in two tiers, memory and Redis: the rows are cached, and sent with res.json.
import { createServer } from "node:http";
import express from "express";
import { importCompetitor, requireCompetitor } from "./competitors.js";
import { requireTenant } from "./list-handler.js";
import type { StartSubject } from "./subject.js";

interface Store {
  useL1Layer(driver: unknown): Store;
  useL2Layer(driver: unknown): Store;
}

interface Bentocache {
  BentoCache: new (options: {
    default: string;
    stores: Record<string, Store>;
  }) => {
    getOrSet<T>(options: { key: string; ttl: string; factory: () => Promise<T> }): Promise<T>;
  };
  bentostore(): Store;
}

const L1_BYTES = 256 * 1024 * 1024;

const start: StartSubject = async (context) => {
  const { BentoCache, bentostore } = await importCompetitor<Bentocache>("bentocache");
  const { memoryDriver } = await importCompetitor<{ memoryDriver(options: object): unknown }>(
    "bentocache/drivers/memory",
  );
  const { redisDriver } = await importCompetitor<{ redisDriver(options: object): unknown }>(
    "bentocache/drivers/redis",
  );
  const { Redis } = requireCompetitor<{ Redis: new (url: string) => unknown }>("ioredis");
  const memory = memoryDriver({ maxSize: L1_BYTES, maxItems: 100_000 });
  const redis = redisDriver({ connection: new Redis(context.config.redisUrl) });
  const bento = new BentoCache({
    default: "tiers",
    stores: { tiers: bentostore().useL1Layer(memory).useL2Layer(redis) },
  });
  const app = express().disable("x-powered-by");
  app.get("/accounts", async (req, res) => {
    const tenant = requireTenant(context, req);
    const rows = await bento.getOrSet({
      key: `${tenant}:${req.originalUrl}`,
      ttl: "6h",
      factory: () => context.readRows(tenant, req.originalUrl),
    });
    res.json({ rows });
  });
  return { server: createServer(app) };
};

export default start;
