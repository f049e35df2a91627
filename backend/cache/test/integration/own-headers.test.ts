// The headers that the cache adds beside the handler's: for HEAD the same as for GET, and none that the route does not want.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type Request, type Response } from "express";
import { projectFile } from "../../../project-root.js";
import { afterTest } from "../../../servers/in-test.js";
import type { OwnHeadersOption } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

const LARGE = "compressible ".repeat(500);

const HANDLERS: Record<string, (req: Request, res: Response) => unknown> = {
  json: (_req, res) => res.json({ rows: [1, 2, 3] }),
  "json, large": (_req, res) => res.json({ rows: LARGE }),
  send: (_req, res) => res.send("text"),
  end: (_req, res) => res.end("ended"),
  "end, large": (_req, res) => res.type("text/plain").end(LARGE),
  "an empty body": (_req, res) => res.send(""),
  sendFile: (_req, res) => res.sendFile(projectFile("LICENSE")),
  "an own length": (_req, res) => res.set("Content-Length", "5").end("ended"),
  "an own ETag": (_req, res) => res.set("ETag", '"own"').end("ended"),
  private: (_req, res) => res.set("Cache-Control", "private").end("mine"),
  "a status that is not stored": (_req, res) => res.status(404).json({}),
  "no content": (_req, res) => res.status(204).end(),
  pipe: (_req, res) => Readable.from(["in ", "parts"]).pipe(res.type("text/plain")),
  "writeHead and end": (_req, res) => res.writeHead(200, { "Content-Type": "text/plain" }).end("ended"),
};

for (const store of STORES) {
  describe(`HEAD on a miss with the ${store} store`, () => {
    let app: HttpApp;
    let cache: Awaited<ReturnType<typeof openCache>>;
    beforeAll(async () => {
      cache = await openCache(store);
      app = await serve((express) => {
        for (const [name, handler] of Object.entries(HANDLERS))
          express.get(pathOf(name), cache.cacheList("items"), (req, res) => void handler(req, res));
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });

    for (const name of Object.keys(HANDLERS)) {
      test(`${name}: the head that GET has`, async () => {
        const url = app.url + pathOf(name);
        const head = await askPlainly(url, { "accept-encoding": "gzip" }, "HEAD");
        const get = await askPlainly(url, { "accept-encoding": "gzip" });
        assert.deepEqual(comparable(head.headers), comparable(get.headers));
        assert.deepEqual([head.status, head.body, head.cache], [get.status, "", "fwd=miss; detail=head"]);
        const etag = get.headers.etag;
        if (etag === undefined || get.status !== 200) return;
        await cache.invalidateAllTenant("tenant-1");
        const conditional = await askPlainly(url, { "if-none-match": etag }, "HEAD");
        await cache.invalidateAllTenant("tenant-1");
        const expected = await askPlainly(url, { "if-none-match": etag });
        assert.deepEqual([conditional.status, conditional.body], [expected.status, ""]);
      });
    }
  });
}

describe("headers that a route does not want", () => {
  const NONE: OwnHeadersOption = { etag: false, cacheControl: false, cacheStatus: false };
  const OWN = ["etag", "cache-control", "cache-status"];

  test("a miss, a hit, a bypass, a HEAD and a 304 have none of the cache's own", async () => {
    const cache = await openCache("memory", { headers: { etag: false } });
    const app = await serve((express) => {
      express.set("etag", false);
      express.get("/none", cache.cacheList("items", { headers: NONE }), (_req, res) => res.json([]));
      express.get("/etag-alone", cache.cacheList("items"), (_req, res) => res.json([]));
      express.get("/handlers", cache.cacheList("items", { headers: NONE }), (_req, res) =>
        res.set({ ETag: '"own"', "Cache-Control": "public, max-age=60" }).json([]),
      );
    });
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    const ask = (path: string, headers = {}, method = "GET") => askPlainly(app.url + path, headers, method);
    for (const [headers, method] of [
      [{}, "HEAD"],
      [{}, "GET"],
      [{}, "GET"],
      [{ range: "bytes=0-1" }, "GET"],
      [{}, "HEAD"],
    ] as const) {
      const answer = await ask("/none", headers, method);
      for (const name of OWN) assert.equal(answer.headers[name], undefined, `${method} ${name}`);
    }
    assert.equal((await cache.stats()).totals.hits, 2);
    for (const expected of ["fwd=miss; stored", "hit"]) {
      const { headers, cache: said } = await ask("/etag-alone");
      assert.deepEqual(
        [headers.etag, headers["cache-control"], said],
        [undefined, "private, no-cache", expected],
      );
    }
    for (const condition of [{}, {}, { "if-none-match": '"own"' }]) {
      const { headers } = await ask("/handlers", condition);
      assert.deepEqual(
        OWN.map((name) => headers[name]),
        ['"own"', "public, max-age=60", undefined],
      );
    }
  });

  test("hits of the lane have none either", async () => {
    const cache = await openCache("memory");
    const app = express();
    app.set("etag", false);
    app.get("/none", cache.cacheList("items", { headers: NONE }), (_req, res) => res.json([]));
    app.get("/all", cache.cacheList("items"), (_req, res) => res.json([]));
    const identify = () => ({ tenant: "tenant-1" });
    const server = createServer(cache.lane(app, { identify })).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    afterTest(async () => {
      server.close();
      server.closeAllConnections();
      await cache.close();
    });
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    for (const _time of [1, 2, 3]) {
      const none = await askPlainly(`${url}/none`);
      for (const name of OWN) assert.equal(none.headers[name], undefined, name);
      const all = await askPlainly(`${url}/all`);
      for (const name of OWN) assert.notEqual(all.headers[name], undefined, name);
    }
  });
});

function pathOf(name: string): string {
  return `/${name.replaceAll(/\W+/g, "-")}`;
}

function comparable(headers: object) {
  const {
    date,
    connection,
    "cache-status": _,
    "transfer-encoding": __,
    "keep-alive": ___,
    ...compared
  } = headers as Record<string, unknown>;
  return compared;
}
