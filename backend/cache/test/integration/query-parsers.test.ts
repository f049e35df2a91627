// Apps that read their queries by a function of their own: spellings that it tells apart have an entry each.
import assert from "node:assert/strict";
import { afterEach, describe, test } from "@jest/globals";
import express, { type Express } from "express";
// @ts-expect-error -- Express 4 under another name, without types.
import express4 from "express-4";
import { openCache } from "../support/caches.js";
import { EXPRESS_VERSIONS } from "../support/express-versions.js";
import { type HttpApp, serve } from "../support/http-app.js";

/** As `qs` does it with `comma: true`: a comma that is encoded separates nothing. */
function parseLists(query: string | null): Record<string, string[]> {
  const pairs = (query ?? "").split("&").map((pair) => pair.split("="));
  return Object.fromEntries(
    pairs.map(([name = "", value = ""]) => [name, value.split(",").map((one) => decodeURIComponent(one))]),
  );
}

const SPELLINGS = ["/list?ids=a,b", "/list?ids=a%2Cb", "/list?ids=a,b&", "/list?ids=%61,b", "/list"];

describe("a query parser of the app's own", () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  async function open(build: (outer: Express, list: Express) => void, create: () => Express) {
    const cache = await openCache("memory");
    const app: HttpApp = await serve((outer) => {
      const list = create();
      list.get("/list", cache.cacheList("items", { ttlSeconds: 180, ignoreParams: ["utm"] }), (req, res) => {
        res.json(req.query);
      });
      build(outer, list);
    }, create);
    opened.push(app, cache);
    return { app, cache };
  }

  for (const [version, create] of EXPRESS_VERSIONS) {
    test(`Express ${version}: every spelling is what the parser makes of it`, async () => {
      const { app } = await open((outer, list) => {
        outer.set("query parser", parseLists);
        list.set("query parser", parseLists);
        outer.use(list);
      }, create);
      for (const status of ["fwd=miss; stored", "hit"])
        for (const path of SPELLINGS) {
          const { body, cache } = await app.request(path);
          assert.deepEqual(JSON.parse(body), parseLists(path.split("?")[1] ?? null), path);
          assert.equal(cache, status, path);
        }
      assert.equal((await app.request("/list?ids=a,b&utm=1")).cache, "hit", "ignored parameters are");
    });
  }

  test("Express 4: the outermost app reads the query, also for those that are mounted in it", async () => {
    const { app } = await open(
      (outer, list) => {
        outer.set("query parser", parseLists);
        outer.use(list);
      },
      express4 as unknown as () => Express,
    );
    assert.equal((await app.request("/list?ids=a,b")).body, '{"ids":["a","b"]}');
    assert.equal((await app.request("/list?ids=a%2Cb")).body, '{"ids":["a,b"]}');
  });

  test("the parsers of Express take some spellings for one", async () => {
    const { app } = await open((outer, list) => outer.use(list), express);
    await app.request("/list?a=1&b=x%20y");
    assert.equal((await app.request("/list?b=x+y&a=1")).cache, "hit");
  });

  test("a URL is forgotten in every spelling", async () => {
    const { app, cache } = await open((outer, list) => {
      list.set("query parser", parseLists);
      outer.use(list);
    }, express);
    const url = "/list?ids=a,b";
    await app.request(url);
    assert.equal((await app.request(url)).cache, "hit");
    assert.ok(await cache.forget({ tenant: "tenant-1", url: "/list?ids=a%2Cb" }));
    assert.notEqual((await app.request(url)).cache, "hit");
  });
});
