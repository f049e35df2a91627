// Middleware in front of `cacheList` that changes the request, or that answers from an async context of its own.
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { openCache } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

/** Of an answer whose age is one second below its lifetime. */
const STALE_AFTER_MS = 1100;

describe("middleware in front of cacheList", () => {
  test("without an Express app around it, each path is an entry of its own", async () => {
    const cache = await openCache("memory", { tenant: () => "tenant-1" });
    const cacheList = cache.cacheList("accounts");
    const server = createServer((req, res) => {
      cacheList(req as never, res as never, () => res.end(`of ${req.url}`));
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const expected of ["fwd=miss; stored", "hit"]) {
      for (const path of ["/a", "/b?c=1"]) {
        const { body, cache: said } = await askPlainly(url + path, { "x-forwarded-host": "other.example" });
        assert.deepEqual([body, said], [`of ${path}`, expected]);
      }
    }
    server.closeAllConnections();
    server.close();
    await cache.close();
  });

  test("a query that was rewritten for a user is that user's entry", async () => {
    const cache = await openCache("memory");
    const app = await serve((express) => {
      express.use((req, _res, next) => {
        if (req.path === "/mine") req.url = `/list?owner=${req.get("x-user")}`;
        next();
      });
      express.get("/list", cache.cacheList("accounts"), (req, res) => res.send(`of ${req.query.owner}`));
    });
    const mine = async (user: string) => (await app.request("/mine", { headers: { "x-user": user } })).body;
    assert.equal(await mine("ann"), "of ann");
    assert.equal(await mine("bob"), "of bob");
    await app.close();
    await cache.close();
  });

  test("a refresh is one also behind middleware that calls back from a connection of its own", async () => {
    const cache = await openCache("memory");
    const connection = new AsyncResource("connection");
    let runs = 0;
    const app = await serve((express) => {
      express.use((_req, _res, next) => connection.runInAsyncScope(() => next()));
      express.get("/list", cache.cacheList("accounts", { staleWhileRevalidate: 600 }), (_req, res) => {
        runs++;
        res.set({ "Cache-Control": "public, max-age=10", Age: "9" }).send(`v${runs}`);
      });
    });
    await app.request("/list");
    await delay(STALE_AFTER_MS);
    assert.equal((await app.request("/list")).body, "v1");
    await cache.idle();
    assert.equal((await app.request("/list")).body, "v2");
    await app.close();
    await cache.close();
  });

  test("a refresh that is never answered does not keep the cache from closing", async () => {
    const cache = await openCache("memory", { fill: { waitMs: 100 } });
    let runs = 0;
    const app = await serve((express) => {
      express.get("/list", cache.cacheList("accounts", { staleWhileRevalidate: 600 }), (_req, res) => {
        runs++;
        if (runs === 1) res.set({ "Cache-Control": "public, max-age=10", Age: "9" }).send("v1");
      });
    });
    await app.request("/list");
    await delay(STALE_AFTER_MS);
    assert.equal((await app.request("/list")).body, "v1");
    await cache.close();
    assert.equal(runs, 2);
    await app.close();
  });
});
