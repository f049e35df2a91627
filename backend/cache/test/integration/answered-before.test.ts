// Requests that were answered before they reach the cache: the work behind the answer goes on, and what is known of it is invalidated.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "@jest/globals";
import type { RequestHandler } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { openCache, quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";

/** How earlier middleware answers, and goes on. */
const ANSWERS: Record<string, RequestHandler> = {
  "and goes on at once": (_req, res, next) => {
    res.sendStatus(202);
    next();
  },
  "and goes on when that was sent": async (_req, res, next) => {
    res.sendStatus(202);
    await once(res, "close");
    next();
  },
  "in parts, of which the first was sent": (_req, res, next) => {
    res.status(202).write("more follows");
    next();
  },
};

describe("a request that was answered before", () => {
  for (const [name, answer] of Object.entries(ANSWERS)) {
    async function open() {
      const lines: string[] = [];
      const cache = await openCache("memory", {
        logger: { ...quiet, warn: (line) => void lines.push(line) },
      });
      let works = 0;
      const work: RequestHandler = (_req, res) => {
        works++;
        if (!res.writableEnded) res.end();
      };
      const app = await serve((express) => {
        express.get("/jobs", answer, cache.cacheList("jobs", 60), work);
        express.get("/lists", cache.cacheList("lists", 60), (_req, res) => void res.json([]));
        express.post("/plain", answer, cache.invalidateCache("lists"), work);
        express.post("/guarded", answer, cache.invalidateCache({ modules: ["lists"], guard: true }), work);
      });
      afterTest(async () => {
        await app.close();
        await cache.close();
      });
      return { cache, app, lines, works: () => works };
    }

    test(`${name}: work behind cacheList is done each time, and nothing is stored`, async () => {
      const { app, works } = await open();
      for (let time = 1; time <= 3; time++) {
        assert.equal((await app.request("/jobs")).status, 202);
        await until("the work", () => works() === time);
      }
    });

    for (const path of ["/plain", "/guarded"])
      test(`${name}: invalidateCache on ${path} invalidates, and tells once what it does not cover`, async () => {
        const { app, cache, lines, works } = await open();
        // A guard stays for as long as it may: when the work ends nobody knows.
        const times = path === "/guarded" ? 1 : 2;
        for (let time = 1; time <= times; time++) {
          await app.request("/lists");
          await cache.idle();
          assert.equal((await app.request("/lists")).cache, "hit");
          assert.equal((await app.request(path, { method: "POST" })).status, 202);
          await until("the work", () => works() === time);
          await until("it is invalidated", async () => (await app.request("/lists")).cache !== "hit");
        }
        const told = lines.filter((line) => line.includes("was reached when the request had been answered"));
        assert.equal(told.length, name.startsWith("in parts") ? 0 : 1);
      });
  }
});
