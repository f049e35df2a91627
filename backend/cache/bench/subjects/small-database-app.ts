// The app in front of a database that can do 50 queries at once, from which Redis is taken away at full load.
import { createServer } from "node:http";
import express from "express";
import { smallDatabase } from "../../../servers/small-database.js";
import { createTenantCache } from "../../src/index.js";
import { AT_ONCE, QUERY_MS } from "../outage-terms.js";
import type { StartSubject } from "./subject.js";

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
  // As fast as it goes: whoever has been answered asks again.
  const alone = async (argument: unknown) => {
    const untilMs = performance.now() + Number(argument);
    const before = database.queries;
    const client = async () => {
      while (performance.now() < untilMs) await database.query();
    };
    await Promise.all(Array.from({ length: AT_ONCE }, client));
    return database.queries - before;
  };
  await cache.ready();
  return {
    server: createServer(app),
    controls: {
      alone,
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
