// `cacheList` over real HTTP: what is a hit, what is stored, and for whom. Handler runs are counted, not inferred.
import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import type { Request, Response } from "express";
import { TenantCacheError } from "../../cache/errors.js";
import type { TenantCache } from "../../cache/index.js";
import { projectFile } from "../../project-root.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

for (const store of STORES) {
  describe(`cacheList with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    let runs = 0;
    let handler: (req: Request, res: Response) => unknown = () => undefined;

    before(async () => {
      cache = await openCache(store, { maxBodyBytes: 10_000, maxEntriesPerModule: 20 });
      const run = (req: Request, res: Response) => {
        runs++;
        return handler(req, res);
      };
      app = await serve((express) => {
        express.use((_req, res, next) => {
          res.set("X-Request-Id", String(Math.random()));
          res.append("Set-Cookie", "session=of-this-request");
          res.vary("Origin");
          next();
        });
        express.all("/list{/*rest}", cache.cacheList("accounts", 180), run);
        express.get("/varied", cache.cacheList("accounts", { vary: ["Accept-Language"] }), run);
        express.get("/known", cache.cacheList("accounts", { params: ["q"] }), run);
        express.get("/gone", cache.cacheList("accounts", { statuses: [200, 404] }), run);
        express.get("/scoped", cache.cacheList("accounts", { scope: (req) => req.get("x-role") ?? "" }), run);
      });
    });
    after(async () => {
      await app.close();
      await cache.close();
    });

    /** Answers with `answer` from now on and forgets earlier runs; each test uses a path of its own. */
    function handle(answer: typeof handler): void {
      handler = answer;
      runs = 0;
    }

    test("the second request is a hit: same status, body, handler headers; the handler ran once", async () => {
      handle((_req, res) =>
        res
          .status(200)
          .set("X-Total", "2")
          .json([{ name: "é" }, { name: "b" }]),
      );
      const miss = await app.request("/list/hit");
      const hit = await app.request("/list/hit");
      assert.equal(miss.cache, "fwd=miss; stored");
      assert.equal(hit.cache, "hit");
      assert.equal(runs, 1);
      assert.equal(hit.body, miss.body);
      for (const name of ["content-type", "x-total", "etag", "content-length", "cache-control"]) {
        assert.equal(hit.headers.get(name), miss.headers.get(name), name);
      }
      assert.equal(hit.headers.get("age"), "0");
      assert.equal(hit.headers.get("cache-control"), "private, no-cache");
    });

    test("headers of earlier middleware are those of each request, never replayed", async () => {
      handle((_req, res) => res.vary("Accept").json(1));
      await app.request("/list/vary-undeclared");
      assert.equal(
        (await app.request("/list/vary-undeclared")).cache,
        "fwd=miss",
        "an undeclared Vary is not stored",
      );
      handle((_req, res) => res.json(1));
      const miss = await app.request("/list/headers");
      const hit = await app.request("/list/headers");
      assert.equal(hit.cache, "hit");
      assert.notEqual(hit.headers.get("x-request-id"), miss.headers.get("x-request-id"));
      assert.equal(hit.headers.get("set-cookie"), "session=of-this-request");
      assert.equal(hit.headers.get("vary"), "Origin");
    });

    test("what a handler allows one origin is not replayed to another", async () => {
      handle((req, res) =>
        res
          .vary("Origin")
          .set("Access-Control-Allow-Origin", req.get("origin") ?? "")
          .json(1),
      );
      for (const origin of ["https://a.example", "https://b.example"]) {
        const answer = await app.request("/list/origins", { headers: { origin } });
        assert.equal(answer.headers.get("access-control-allow-origin"), origin);
      }
      assert.equal(runs, 2);
    });

    test("a header that the handler removed is removed from hits too", async () => {
      handle((_req, res) => res.removeHeader("X-Powered-By") ?? res.json(1));
      const answers = [await app.request("/list/removed"), await app.request("/list/removed")];
      assert.deepEqual(
        answers.map(({ headers }) => headers.has("x-powered-by")),
        [false, false],
      );
      assert.equal(runs, 1);
    });

    test("a tenant never gets what was made for another", async () => {
      handle((req, res) => res.json({ tenant: req.get("x-tenant") }));
      for (const tenant of ["tenant-a", "tenant-b", "tenant-a", "tenant-b"]) {
        const { body } = await app.request("/list/tenants", { tenant });
        assert.deepEqual(JSON.parse(body), { tenant });
      }
      assert.equal(runs, 2);
    });

    test("no tenant, or an id that is none, bypasses the cache", async () => {
      handle((_req, res) => res.json(1));
      for (const tenant of ["", "*", "a:b", "a b", "{x}", "x".repeat(200)]) {
        for (let round = 0; round < 2; round++) {
          const answer = await app.request("/list/bypass", { tenant });
          assert.equal(answer.cache, "fwd=bypass; detail=no-tenant", tenant);
        }
      }
      assert.equal(runs, 12);
    });

    test("requests that differ are kept apart, requests that do not are not", async () => {
      handle((req, res) => res.send(req.url));
      const different = ["?a=1&a=2", "?a=2&a=1", "?a[]=1&a[]=2", "?a=1%26a%3D2", "", "?a"];
      for (const query of different)
        assert.equal((await app.request(`/list/keys${query}`)).cache, "fwd=miss; stored");
      assert.equal((await app.request("/list/keys?b=1&a=2")).cache, "fwd=miss; stored");
      assert.equal((await app.request("/list/keys?a=2&b=1")).cache, "hit");
      assert.equal(runs, different.length + 1);
    });

    test("a query of 10,000 characters bypasses; so does a range, a body, and an unlisted parameter", async () => {
      handle((_req, res) => res.json(1));
      const long = await app.request(`/list/long?q=${"x".repeat(10_000)}`);
      assert.equal(long.cache, "fwd=bypass; detail=too-long");
      const range = await app.request("/list/range", { headers: { range: "bytes=0-1" } });
      assert.equal(range.cache, "fwd=bypass; detail=range");
      assert.equal((await app.request("/known?q=1&junk=2")).cache, "fwd=bypass; detail=params");
      assert.equal((await app.request("/known?q=1")).cache, "fwd=miss; stored");
    });

    test("scope and declared vary headers keep views apart", async () => {
      handle((req, res) =>
        res.vary("Accept-Language").send(`${req.get("accept-language")} ${req.get("x-role")}`),
      );
      for (const language of ["de", "en", "de", "en"]) {
        const { body } = await app.request("/varied", { headers: { "accept-language": language } });
        assert.match(body, new RegExp(language));
      }
      assert.equal(runs, 2);
      handle((req, res) => res.send(req.get("x-role")));
      for (const role of ["admin", "viewer", "admin"]) {
        assert.equal((await app.request("/scoped", { headers: { "x-role": role } })).body, role);
      }
      assert.equal(runs, 2);
      assert.equal((await app.request("/scoped")).cache, "fwd=bypass; detail=scope");
    });

    test("only GET fills and only GET and HEAD are answered", async () => {
      handle((req, res) => res.send(req.method));
      assert.equal((await app.request("/list/methods", { method: "HEAD" })).cache, "fwd=miss");
      await app.request("/list/methods");
      assert.equal((await app.request("/list/methods", { method: "POST" })).body, "POST");
      const head = await app.request("/list/methods", { method: "HEAD" });
      assert.equal(head.cache, "hit");
      assert.equal(head.headers.get("content-length"), "3");
      assert.equal(head.body, "");
      assert.equal(runs, 3);
    });

    test("If-None-Match gives 304 from a hit and from the fill itself, which is stored all the same", async () => {
      handle((_req, res) => res.json({ rows: [] }));
      const { headers } = await app.request("/list/etag");
      const etag = headers.get("etag") ?? "";
      const conditional = await app.request("/list/etag", { headers: { "if-none-match": `"x", ${etag}` } });
      assert.equal(conditional.status, 304);
      assert.equal(conditional.body, "");
      assert.equal(conditional.headers.get("etag"), etag);
      assert.equal(conditional.headers.get("content-length"), null);
      await cache.invalidateTenantCache("tenant-1", "accounts");
      const filled = await app.request("/list/etag", { headers: { "if-none-match": etag } });
      assert.equal(filled.status, 304);
      assert.equal(filled.cache, "fwd=miss; stored");
      const hit = await app.request("/list/etag");
      assert.deepEqual([hit.status, hit.cache, hit.body], [200, "hit", '{"rows":[]}']);
      assert.equal(runs, 2);
    });

    test("a condition is answered also where the answer is not stored", async () => {
      handle((_req, res) => res.set("Cache-Control", "private").send("mine"));
      const { headers } = await app.request("/list/condition-unstored");
      const condition = { "if-none-match": headers.get("etag") ?? "" };
      const answer = await app.request("/list/condition-unstored", { headers: condition });
      assert.deepEqual([answer.status, answer.body, answer.cache], [304, "", "fwd=miss"]);
    });

    test("streams and parts are recorded; a handler without an ETag gets one", async () => {
      handle((_req, res) =>
        Readable.from(["one ", Buffer.from("two "), "three"]).pipe(res.type("text/plain")),
      );
      assert.equal((await app.request("/list/stream")).body, "one two three");
      const hit = await app.request("/list/stream");
      assert.deepEqual([hit.cache, hit.body], ["hit", "one two three"]);
      handle((_req, res) => res.writeHead(200, { "Content-Type": "text/plain", "X-Raw": "1" }).end("raw"));
      assert.match(
        (await app.request("/list/raw")).headers.get("etag") ?? "none",
        /^none$/,
        "headers were already written",
      );
      assert.equal((await app.request("/list/raw")).headers.get("x-raw"), "1");
      handle((_req, res) => res.end("ended"));
      const ended = await app.request("/list/ended");
      assert.match(ended.headers.get("etag") ?? "", /^W\/"/);
      assert.equal((await app.request("/list/ended")).headers.get("etag"), ended.headers.get("etag"));
    });

    const unstorable: Record<string, typeof handler> = {
      "an error status": (_req, res) => res.status(500).json({}),
      "404 where it is not declared": (_req, res) => res.status(404).json({}),
      "a cookie": (_req, res) => res.cookie("user", "1").json({}),
      "no-store": (_req, res) => res.set("Cache-Control", "no-store").json({}),
      private: (_req, res) => res.set("Cache-Control", "private, max-age=60").json({}),
      "Vary: *": (_req, res) => res.set("Vary", "*").json({}),
      "too large": (_req, res) => res.send("x".repeat(10_001)),
      "too large in parts": (_req, res) => Readable.from(["x".repeat(6000), "x".repeat(6000)]).pipe(res),
    };
    for (const [name, answer] of Object.entries(unstorable)) {
      test(`not stored, and passed on untouched: ${name}`, async () => {
        handle(answer);
        const path = `/list/unstorable-${name.replaceAll(/\W/g, "-")}`;
        const answers = [await app.request(path), await app.request(path)];
        assert.equal(runs, 2);
        assert.deepEqual(
          answers.map((one) => one.cache),
          ["fwd=miss", "fwd=miss"],
        );
        assert.equal(answers[0]?.body, answers[1]?.body);
      });
    }

    test("a response cut short is not stored", async () => {
      handle((_req, res) => {
        res.write("half");
        res.destroy();
      });
      await assert.rejects(app.request("/list/cut"));
      handle((_req, res) => res.send("whole"));
      const answer = await app.request("/list/cut");
      assert.deepEqual([answer.cache, answer.body], ["fwd=miss; stored", "whole"]);
    });

    test("s-maxage of the handler lowers the TTL", async () => {
      handle((_req, res) => res.set("Cache-Control", "public, s-maxage=7").json({}));
      await app.request("/list/s-maxage");
      const { headers } = await app.request("/list/s-maxage");
      assert.match(headers.get("cache-status") ?? "", /; hit; ttl=[67]$/);
      assert.equal(headers.get("cache-control"), "public, s-maxage=7");
    });

    test("max-age and Expires lower the TTL too; Age counts against it; max-age=0 forbids, but for sendFile's default", async () => {
      const expectTtl = async (name: string, headers: Record<string, string>, expected: RegExp) => {
        handle((_req, res) => res.set(headers).send("x"));
        await app.request(`/list/freshness-${name}`);
        const { headers: answered } = await app.request(`/list/freshness-${name}`);
        assert.match(answered.get("cache-status") ?? "", expected, name);
      };
      await expectTtl("max-age", { "Cache-Control": "max-age=20" }, /; hit; ttl=(19|20)$/);
      await expectTtl("age", { "Cache-Control": "max-age=20", Age: "15" }, /; hit; ttl=[45]$/);
      await expectTtl(
        "expires",
        { Expires: new Date(Date.now() + 30_000).toUTCString() },
        /; hit; ttl=(28|29|30)$/,
      );
      await expectTtl("send", { "Cache-Control": "public, max-age=0" }, /; hit; ttl=(179|180)$/);
      await expectTtl("zero", { "Cache-Control": "max-age=0" }, /fwd=miss$/);
      await expectTtl("invalid", { "Cache-Control": "max-age=soon" }, /fwd=miss$/);
      await expectTtl("too-old", { "Cache-Control": "max-age=20", Age: "20" }, /fwd=miss$/);
      await expectTtl("expired", { Expires: "0" }, /fwd=miss$/);
      await expectTtl("no-cache", { "Cache-Control": 'no-cache="Set-Cookie, X"' }, /fwd=miss$/);
    });

    test("a file that Express sends is recorded whole", async () => {
      handle((_req, res) => res.sendFile(projectFile("LICENSE")));
      const miss = await app.request("/list/file");
      const hit = await app.request("/list/file");
      assert.deepEqual([hit.cache, hit.body], ["hit", miss.body]);
      assert.equal(hit.headers.get("last-modified"), miss.headers.get("last-modified"));
      const since = { "if-modified-since": hit.headers.get("last-modified") ?? "" };
      assert.equal((await app.request("/list/file", { headers: since })).status, 304);
      const other = { ...since, "if-none-match": '"other"' };
      assert.equal(
        (await app.request("/list/file", { headers: other })).status,
        200,
        "If-None-Match takes precedence",
      );
      assert.equal(runs, 1);
    });

    test("declared statuses are stored with their status", async () => {
      handle((_req, res) => res.status(404).json({ title: "Not Found" }));
      await app.request("/gone");
      const hit = await app.request("/gone");
      assert.deepEqual([hit.status, hit.cache], [404, "hit"]);
    });

    test("concurrent requests for a cold key run the handler once", async () => {
      const held = gate();
      handle(async (_req, res) => {
        await held.passed;
        res.json({ rows: 1 });
      });
      const requests = Array.from({ length: 40 }, () => app.request("/list/cold", { tenant: "tenant-cold" }));
      while ((await cache.stats({ tenantId: "tenant-cold" })).totals.misses < 40)
        await new Promise(setImmediate);
      held.open();
      const answers = await Promise.all(requests);
      assert.equal(runs, 1);
      assert.equal(new Set(answers.map(({ body }) => body)).size, 1);
      assert.equal(answers.filter((one) => one.cache === "fwd=miss; collapsed").length, 39);
    });

    test("followers of a response that is not storable run their own handler and get their own cookie", async () => {
      const held = gate();
      handle(async (_req, res) => {
        const mine = String(runs);
        await held.passed;
        res.cookie("own", mine).json({});
      });
      const requests = Array.from({ length: 5 }, () => app.request("/list/cookies"));
      while (runs === 0) await new Promise(setImmediate);
      held.open();
      const cookies = (await Promise.all(requests)).map(({ headers }) => headers.getSetCookie().at(-1));
      assert.equal(new Set(cookies).size, 5);
      assert.equal(runs, 5);
    });

    test("junk parameters of one module make room for each other, and are bounded", async () => {
      handle((_req, res) => res.json({}));
      for (let junk = 0; junk < 30; junk++)
        await app.request(`/list/junk?n=${junk}`, { tenant: "tenant-junk" });
      await cache.idle();
      const { totals } = await cache.stats({ tenantId: "tenant-junk" });
      assert.equal(totals.entries, 20);
    });

    test("stats say what happened", async () => {
      handle((_req, res) => res.json({}));
      const tenant = "tenant-stats";
      await app.request("/list/stats", { tenant });
      await app.request("/list/stats", { tenant });
      await app.request("/list/stats", { tenant });
      await cache.invalidateTenantCache(tenant, "accounts");
      await cache.idle();
      const { totals, modules, store: storeStats } = await cache.stats({ tenantId: tenant });
      const { hits, misses, sets, invalidations, hitRatio, entries } = totals;
      assert.deepEqual(
        { hits, misses, sets, invalidations, entries },
        { hits: 2, misses: 1, sets: 1, invalidations: 1, entries: 0 },
      );
      assert.equal(hitRatio, 2 / 3);
      assert.equal(modules.accounts?.hits, 2);
      assert.equal(storeStats.kind, store === "memory" ? "memory" : "redis");
      assert.equal(storeStats.connected, true);
    });
  });
}

describe("cacheList, misused", () => {
  test("is refused when the route is mounted, with what to write instead", async () => {
    const cache = await openCache("memory");
    const refused = (code: string, mount: () => unknown) =>
      assert.throws(mount, (error) => error instanceof TenantCacheError && error.code === code);
    refused("ETC_MODULE_NAME", () => cache.cacheList("Accounts"));
    refused("ETC_MODULE_NAME", () => cache.invalidateCache("accounts:*"));
    refused("ETC_TTL", () => cache.cacheList("accounts", 0));
    refused("ETC_TTL", () => cache.cacheList("accounts", 180_000_000));
    refused("ETC_OPTIONS", () => cache.cacheList("accounts", { ttl: 3 } as object));
    refused("ETC_OPTIONS", () => cache.invalidateCache());
    await assert.rejects(cache.invalidateAllTenant("*"), { code: "ETC_TENANT_ID" });
    await cache.close();
  });
});
