// express-redis-cache, with a name for each tenant and URL.
import { createServer } from "node:http";
import express, { type RequestHandler } from "express";
import { requireCompetitor } from "./competitors.js";
import { listHandler, requireTenant } from "./list-handler.js";
import type { StartSubject } from "./subject.js";
import { TTL_SECONDS } from "./ttl.js";

type ExpressRedisCache = (options: { client: unknown; expire: number }) => {
  route(): RequestHandler;
  on(event: "error", listener: (error: Error) => void): void;
};

const start: StartSubject = (context) => {
  const redis = requireCompetitor<{ createClient(url: string): unknown }>("redis");
  const create = requireCompetitor<ExpressRedisCache>("express-redis-cache");
  const cache = create({ client: redis.createClient(context.config.redisUrl), expire: TTL_SECONDS });
  cache.on("error", (error) => console.error("express-redis-cache", error));
  const name: RequestHandler = (req, res, next) => {
    const named = res as { express_redis_cache_name?: string };
    named.express_redis_cache_name = `${requireTenant(context, req)}:${req.originalUrl}`;
    next();
  };
  const app = express().disable("x-powered-by");
  app.get("/accounts", name, cache.route(), listHandler(context));
  return { server: createServer(app) };
};

export default start;
