// apicache with Redis, as its README sets it up, and a key for each tenant.
import { createServer } from "node:http";
import express, { type Request, type RequestHandler } from "express";
import { requireCompetitor } from "./competitors.js";
import { listHandler, requireTenant } from "./list-handler.js";
import type { StartSubject } from "./subject.js";

interface Apicache {
  options(options: {
    redisClient: unknown;
    appendKey: (req: Request) => string;
    headerBlacklist?: readonly string[];
  }): Apicache;
  middleware(duration: string): RequestHandler;
}

const start: StartSubject = (context) => {
  // The client it is made for: of callbacks, and with the property `connected`.
  const redis = requireCompetitor<{ createClient(url: string): unknown }>("redis");
  const apicache = requireCompetitor<Apicache>("apicache");
  apicache.options({
    redisClient: redis.createClient(context.config.redisUrl),
    appendKey: (req) => requireTenant(context, req),
  });
  const app = express().disable("x-powered-by");
  app.get("/accounts", apicache.middleware("6 hours"), listHandler(context));
  return { server: createServer(app) };
};

export default start;
