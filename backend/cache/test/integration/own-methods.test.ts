// Where the methods live that the cache gives to single responses: in the young generation, where they go with their request.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { test } from "@jest/globals";
import type { Request, Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { createTenantCache } from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";

const REQUESTS = 20;

setFlagsFromString("--allow-natives-syntax");
const isYoung = new Function("value", "return %InYoungGeneration(value)") as (value: unknown) => boolean;

test("a response's own methods are not allocated in the old generation, where they would keep the whole request", async () => {
  const cache = createTenantCache({ tenant: () => "tenant-1", logger: quiet, serverTiming: true });
  const seen = new Map<string, number>();
  const app = await serve((express) => {
    const look =
      (route: string, names: readonly ("writeHead" | "write" | "end" | "addTrailers")[]) =>
      (_req: Request, res: Response) => {
        // All of them: a collection in between promotes some of a few responses, not of most.
        const isGood = names.every((name) => Object.hasOwn(res, name) && isYoung(res[name]));
        seen.set(route, (seen.get(route) ?? 0) + (isGood ? 1 : 0));
        res.json([]);
      };
    const recorded = look("miss", ["writeHead", "write", "end", "addTrailers"]);
    express.get("/miss", cache.cacheList("items"), recorded);
    express.get("/bypass", cache.cacheList("items"), look("bypass", ["writeHead"]));
    express.post("/write", cache.invalidateCache("items"), look("write", ["write", "end"]));
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  for (let time = 0; time < REQUESTS; time++) {
    await app.request(`/miss?time=${time}`);
    await app.request("/bypass", { headers: { range: "bytes=0-1" } });
    await app.request("/write", { method: "POST" });
  }
  for (const [route, good] of seen) assert.ok(good > REQUESTS / 2, `${route}: ${good} of ${REQUESTS}`);
  assert.deepEqual([...seen.keys()], ["miss", "bypass", "write"]);
});
