// The app in front of a database that can do 50 queries at once, from which Redis is taken away at full load.
import { createServer } from "node:http";
import express from "express";
import { smallDatabase } from "../../../servers/small-database.js";
import { RunLimit } from "../../src/engine/run-limit.js";
import { createTenantCache } from "../../src/index.js";
import { AT_ONCE, QUERY_MS } from "../outage-terms.js";
import type { StartSubject } from "./subject.js";

const MAX_WAITING = 10_000;
const WITHIN_MS = 60_000;

const start: StartSubject = async ({ config }) => {
  const cache = createTenantCache({
    redis: config.redisUrl,
    tenant: () => "tenant",
    fill: { maxConcurrent: AT_ONCE },
  });
  const database = smallDatabase(AT_ONCE, QUERY_MS);
  let [answers, failed] = [0, 0];
  const app = express().disable("x-powered-by");
  app.use((_req, res, next) => {
    res.once("finish", () => {
      answers++;
      if (res.statusCode !== 200) failed++;
    });
    next();
  });
  app.get("/list/:id", cache.cacheList("accounts", 600), async (req, res) => {
    await database.query();
    res.json({ id: req.params.id });
  });
  // What the database does without a cache in front of it, by as many connections as it has.
  const connections = new RunLimit({ maxConcurrent: AT_ONCE, maxWaiting: MAX_WAITING });
  app.get("/alone/:id", async (req, res) => {
    const place = connections.take(performance.now() + WITHIN_MS);
    if (typeof place === "object") await place.granted;
    await database.query();
    connections.release();
    res.json({ id: req.params.id });
  });
  await cache.ready();
  return {
    server: createServer(app),
    controls: {
      counts: () => ({
        answers,
        failed,
        queries: database.queries,
        refused: database.refused,
        peak: database.peak,
      }),
    },
  };
};

export default start;
