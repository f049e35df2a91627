// The least that a cache in Redis can do in Express: the stored bytes, sent as they are; no validation, no tenant's fences, no ETag.
import { createServer } from "node:http";
import express, { type RequestHandler } from "express";
import { Redis } from "ioredis";
import { listBody } from "../database.js";
import { requireTenant } from "./list-handler.js";
import type { StartSubject } from "./subject.js";
import { TTL_SECONDS } from "./ttl.js";

const start: StartSubject = (context) => {
  const redis = new Redis(context.config.redisUrl);
  const list: RequestHandler = async (req, res) => {
    const tenant = requireTenant(context, req);
    const key = `cache:${tenant}:${req.originalUrl}`;
    let body = await redis.getBuffer(key);
    if (body === null) {
      body = listBody(await context.readRows(tenant, req.originalUrl));
      await redis.set(key, body, "EX", TTL_SECONDS);
    }
    res.setHeader("Content-Type", "application/json; charset=utf-8");
    res.setHeader("Content-Length", body.length);
    res.end(body);
  };
  const app = express().disable("x-powered-by");
  app.get("/accounts", list);
  return { server: createServer(app) };
};

export default start;
