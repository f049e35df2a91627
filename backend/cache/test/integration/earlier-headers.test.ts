// What a handler says in the very words of middleware in front of the cache is the handler's: it is judged, recorded, and sent as without a cache.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import type { Request, RequestHandler, Response } from "express";
import { afterTest } from "../../../servers/in-test.js";
import { openCache } from "../support/caches.js";
import { serve } from "../support/http-app.js";
import { begin } from "../support/plain-request.js";

type Says = (res: Response, req: Request) => unknown;

async function open(front: Says, handler: Says) {
  const cache = await openCache("memory");
  let runs = 0;
  const asFront: RequestHandler = (req, res, next) => {
    front(res, req);
    next();
  };
  const answer: RequestHandler = (req, res) => {
    runs++;
    handler(res, req);
    if (!res.writableEnded) res.json({ rows: [] });
  };
  const app = await serve((built) => {
    built.get("/list", asFront, cache.cacheList("users", { ttlSeconds: 60 }), answer);
    built.get("/plain", asFront, answer);
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  return { app, runs: () => runs };
}

/** Names and values as they go over the wire, without those of the cache and the connection. */
async function rawHeaders(url: string): Promise<string[]> {
  const own = ["cache-status", "etag", "date", "connection", "keep-alive", "age"];
  const response = await begin(url);
  response.resume();
  const { rawHeaders: raw } = response;
  const pairs = raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1]}`] : []));
  return pairs.filter((pair) => !own.includes((pair.split(":")[0] ?? "").toLowerCase()));
}

describe("a handler that says what middleware in front has said", () => {
  const NO_STORE: Says = (res) => res.set("Cache-Control", "no-store");
  const PRIVATE: Says = (res) => res.set("Cache-Control", "private, max-age=60");
  const OVER: Says = (res) => res.set("Expires", "0");
  const WRITTEN: Says = (res) => res.writeHead(200, { "Cache-Control": "no-store" }).end("{}");

  test.each([
    ["no-store", NO_STORE, NO_STORE, "no-store"],
    ["no-store by writeHead", NO_STORE, WRITTEN, "no-store"],
    ["private", PRIVATE, PRIVATE, "private"],
    ["an Expires that is over", OVER, OVER, "ttl-zero"],
  ])("%s: the answer is not stored", async (_name, front, handler, detail) => {
    const { app, runs } = await open(front, handler);
    assert.equal((await app.request("/list")).cache, `fwd=miss; detail=${detail}`);
    assert.match((await app.request("/list")).cache, /fwd=miss/);
    assert.equal(runs(), 2);
  });

  test("behind two recorders, too", async () => {
    const cache = await openCache("memory");
    const app = await serve((built) => {
      built.use((_req, res, next) => {
        res.set("Cache-control", "no-store");
        next();
      });
      built.get("/list", cache.cacheList("users"), cache.cacheList("groups"), (_req, res) => {
        NO_STORE(res, res.req);
        res.json([]);
      });
      built.get(
        "/default",
        cache.cacheList("users"),
        cache.cacheList("groups"),
        (_req, res) => void res.json([]),
      );
    });
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    for (let time = 0; time < 2; time++) await app.request("/list");
    assert.equal((await cache.stats()).totals.entries, 0);
    const { headers } = await begin(`${app.url}/default`);
    assert.equal(headers["cache-control"], "no-store");
    await cache.idle();
    assert.equal((await app.request("/default")).cache, "hit");
  });

  test("what is said in front alone is a default, and not said of this answer", async () => {
    const { app, runs } = await open(
      (res) => res.set({ "Cache-Control": "no-store", Expires: "0" }),
      () => undefined,
    );
    assert.equal((await app.request("/list")).cache, "fwd=miss; stored");
    const hit = await app.request("/list");
    assert.deepEqual([hit.cache, hit.headers.get("cache-control"), runs()], ["hit", "no-store", 1]);
  });

  test("its type and language come with hits, whatever the middleware says of them", async () => {
    const front: Says = (res, req) =>
      res.set({
        "Content-Type": req.get("x-front") ?? "application/json; charset=utf-8",
        "Content-Language": req.get("x-front") ? "en" : "de",
      });
    const { app, runs } = await open(front, (res) =>
      res.set({ "Content-Type": "application/json; charset=utf-8", "Content-Language": "de" }).end("{}"),
    );
    await app.request("/list");
    const hit = await app.request("/list", { headers: { "x-front": "text/html" } });
    assert.deepEqual(
      [hit.cache, hit.headers.get("content-type"), hit.headers.get("content-language"), runs()],
      ["hit", "application/json; charset=utf-8", "de", 1],
    );
  });

  test("an id of the request that both say is that of each request", async () => {
    const says: Says = (res, req) => res.set("X-Request-Id", req.get("x-id"));
    const { app } = await open(says, says);
    await app.request("/list", { headers: { "x-id": "one" } });
    const hit = await app.request("/list", { headers: { "x-id": "two" } });
    assert.deepEqual([hit.cache, hit.headers.get("x-request-id")], ["hit", "two"]);
  });

  const FRONT: Says = (res) => {
    res.setHeader("cache-CONTROL", "max-age=5");
    res.setHeader("content-language", ["de", "en"]);
    res.setHeader("Expires", "0");
    res.setHeader("Content-Type", "text/plain");
  };
  test.each<[string, Says]>([
    ["nothing more", () => undefined],
    ["the same again", FRONT],
    ["one of them", (res) => res.set("Cache-Control", "max-age=5")],
    ["other values", (res) => res.set({ "Cache-Control": "max-age=6", "Content-Language": "fr" })],
    ["that one is not there", (res) => res.removeHeader("Expires")],
    ["it in parts", (res) => [res.write("a"), res.end("b")]],
    ["it by writeHead", (res) => res.writeHead(200, ["Content-Type", "text/css", "X-A", "1"]).end("a")],
    ["it by flushHeaders", (res) => [res.flushHeaders(), res.end("a")]],
  ])("names, spellings and their order are those without a cache: it says %s", async (_name, says) => {
    const { app } = await open(FRONT, says);
    const plain = await rawHeaders(`${app.url}/plain`);
    assert.deepEqual(await rawHeaders(`${app.url}/list`), plain);
  });

  test("whoever watches in front what is set sees no more than without a cache", async () => {
    const watched: unknown[][] = [];
    const front: Says = (res) => {
      FRONT(res, res.req);
      const { setHeader } = res;
      const seen: unknown[] = [];
      watched.push(seen);
      res.setHeader = (name, value) => {
        if (!/^(?:etag|cache-status|vary)$/i.test(name)) seen.push([name, value]);
        return Reflect.apply(setHeader, res, [name, value]);
      };
    };
    const { app } = await open(front, (res) => res.set("Content-Type", "text/css"));
    for (const path of ["/plain", "/list"]) await app.request(path);
    assert.ok((watched[0]?.length ?? 0) > 0);
    assert.deepEqual(watched[1], watched[0]);
  });

  test("a handler reads them as they were", async () => {
    const read: unknown[] = [];
    const { app } = await open(FRONT, (res) => {
      read.push(
        res.getHeader("Cache-Control"),
        res.get("content-type"),
        res.getHeaders()["content-language"],
      );
      read.push(res.hasHeader("Expires"), res.getHeaderNames().includes("expires"));
    });
    await app.request("/list");
    assert.deepEqual(read, ["max-age=5", "text/plain", ["de", "en"], true, true]);
  });
});
