// The middleware that most projects write for themselves: the parsed body in Redis as JSON, sent again with res.json.
import { createServer } from "node:http";
import express, { type RequestHandler } from "express";
import { Redis } from "ioredis";
import { listHandler, requireTenant } from "./list-handler.js";
import type { StartSubject } from "./subject.js";
import { TTL_SECONDS } from "./ttl.js";

const start: StartSubject = (context) => {
  const redis = new Redis(context.config.redisUrl);
  const cached: RequestHandler = async (req, res, next) => {
    const key = `cache:${requireTenant(context, req)}:${req.originalUrl}`;
    const stored = await redis.get(key);
    if (stored !== null) {
      res.json(JSON.parse(stored));
      return;
    }
    const json = res.json.bind(res);
    res.json = (body) => {
      void redis.set(key, JSON.stringify(body), "EX", TTL_SECONDS);
      return json(body);
    };
    next();
  };
  const app = express().disable("x-powered-by");
  app.get("/accounts", cached, listHandler(context));
  return { server: createServer(app) };
};

export default start;
