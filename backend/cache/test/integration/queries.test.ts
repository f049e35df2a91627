// Queries with a body: QUERY, and POST where a route says so. The body is part of the key, and mutations of the same URL are told from them.
import assert from "node:assert/strict";
import { request as httpRequest, METHODS } from "node:http";
import { describe, test } from "@jest/globals";
import { json, type Request, text } from "express";
import { afterTest } from "../../../servers/in-test.js";
import type { CacheListOptions } from "../../src/index.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

async function open(store: StoreName, options: CacheListOptions) {
  const cache = await openCache(store);
  let runs = 0;
  const app = await serve((express) => {
    express.use("/parsed", json(), text());
    express.use(cache.cacheList("search", options), (req, res) => {
      runs++;
      res.json({ method: req.method, asked: req.body ?? null });
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const ask = async (body: unknown, { path = "/parsed", type = "application/json", headers = {} } = {}) =>
    app.request(path, {
      method: "POST",
      headers: { "content-type": type, ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    url: app.url,
    cache,
    request: app.request,
    ask,
    get runs() {
      return runs;
    },
  };
}

for (const store of STORES) {
  describe(`queries with a body (${store})`, () => {
    test("POST by opt-in: the body is part of the key, its spelling is not", async () => {
      const search = await open(store, { methods: ["POST"] });
      const miss = await search.ask({ q: "a", page: { size: 10, number: 1 } });
      assert.equal(miss.cache, "fwd=miss; stored");
      await search.cache.idle();
      const hit = await search.ask('{ "page": {"number":1, "size":10},\n "q":"a" }');
      assert.deepEqual([hit.cache, hit.body], ["hit", miss.body]);
      assert.equal(search.runs, 1);
      for (const other of [{ q: "b" }, { q: ["a"] }, {}, [1, 2], [2, 1], { q: "a", page: { number: "1" } }])
        assert.equal((await search.ask(other)).cache, "fwd=miss; stored", JSON.stringify(other));
      const asText = await search.ask('{"q":"b"}', { type: "text/plain" });
      assert.equal(asText.cache, "fwd=miss; stored", "another kind of body");
      assert.equal(
        (await search.request("/parsed")).cache,
        "fwd=miss; stored",
        "GET has an entry of its own",
      );
      assert.equal((await search.ask({ q: "b" }, { path: "/parsed?x=1" })).cache, "fwd=miss; stored");
    });

    test("a body that nobody has parsed, that is too long, and conditions bypass the cache", async () => {
      const search = await open(store, { methods: ["POST"], body: { maxBytes: 100 } });
      assert.equal((await search.ask({ q: 1 }, { path: "/unparsed" })).cache, "fwd=bypass; detail=body");
      assert.equal((await search.ask({ q: "x".repeat(100) })).cache, "fwd=bypass; detail=too-long");
      const condition = { headers: { "if-none-match": "*" } };
      assert.equal((await search.ask({ q: 1 }, condition)).cache, "fwd=bypass; detail=precondition");
      assert.equal((await search.ask({ q: 1 })).cache, "fwd=miss; stored");
    });
  });
}

describe("queries with a body", () => {
  test("what no parser has read bypasses the cache, also where one says {} of it, as those of Express 4 do", async () => {
    const cache = await openCache("memory");
    const app = await serve((express) => {
      const search = cache.cacheList("search", { methods: ["POST"] });
      express.post("/xml", (req, _res, next) => {
        req.body = {};
        next();
      });
      express.post("/form", async (req, _res, next) => {
        const text = await textOf(req);
        // As multer does: the fields are the body, and the files are beside it.
        Object.assign(req, { body: {}, files: [text] });
        next();
      });
      express.post("/xml", search, async (req, res) => void res.json(await textOf(req)));
      express.post("/form", search, (req, res) => void res.json(Reflect.get(req, "files")));
    });
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    for (const [path, type] of [
      ["/xml", "text/xml"],
      ["/form", "multipart/form-data; boundary=x"],
    ] as const)
      for (const body of ["<a/>", "<b/>"]) {
        const answer = await app.request(path, { method: "POST", headers: { "content-type": type }, body });
        assert.equal(answer.cache, "fwd=bypass; detail=body", path);
        assert.ok(answer.body.includes(body), answer.body);
      }
  });

  test("a body that is nested deeper than the stack is bypasses the cache", async () => {
    const search = await open("memory", { methods: ["POST"], body: { maxBytes: 1_000_000 } });
    const nested = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
    assert.equal((await search.ask(nested(200))).cache, "fwd=miss; stored");
    for (const depth of [201, 5000])
      assert.equal((await search.ask(nested(depth))).cache, "fwd=bypass; detail=body", String(depth));
  });

  test("POST is passed on where nobody says that it is one", async () => {
    const search = await open("memory", {});
    for (let round = 0; round < 2; round++) assert.equal((await search.ask({ q: 1 })).cache, "");
    assert.equal(search.runs, 2);
  });

  test("those that come together share one run of the handler", async () => {
    const search = await open("memory", { methods: ["POST"] });
    const answers = await Promise.all([search.ask({ q: 1 }), search.ask({ q: 1 }), search.ask({ q: 2 })]);
    assert.deepEqual(
      answers.map(({ body }) => JSON.parse(body).asked.q),
      [1, 1, 2],
    );
    assert.equal(search.runs, 2);
  });

  const parsesQuery = METHODS.includes("QUERY");
  const leftOut = parsesQuery ? "" : ` (left out: Node ${process.versions.node} does not parse it, 22 does)`;
  (parsesQuery ? test : test.skip)(`QUERY is cached as it is, and is safe${leftOut}`, async () => {
    const search = await open("memory", {});
    const query = (body: object): Promise<string> =>
      new Promise((resolve, reject) => {
        const headers = { "x-tenant": "tenant-1", "content-type": "application/json" };
        const sent = httpRequest(
          `${search.url}/parsed`,
          { method: "QUERY", headers, agent: false },
          (res) => {
            res.resume();
            resolve(String(res.headers["cache-status"]));
          },
        );
        sent.on("error", reject);
        sent.end(JSON.stringify(body));
      });
    assert.match(await query({ q: 1 }), /stored$/);
    assert.match(await query({ q: 1 }), /hit/);
    assert.match(await query({ q: 2 }), /stored$/);
    assert.equal(search.runs, 2);
  });

  test("when tells queries from mutations that are sent to one URL", async () => {
    const cache = await openCache("memory");
    const isMutation = (req: { body?: { mutation?: boolean } }) => req.body?.mutation === true;
    let version = 0;
    const app = await serve((express) =>
      express.post(
        "/api",
        json(),
        cache.cacheList("data", { methods: ["POST"], skip: isMutation }),
        cache.invalidateCache({ modules: ["data"], when: isMutation }),
        (req, res) => {
          if (isMutation(req)) version++;
          res.json({ version });
        },
      ),
    );
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    const send = async (body: object) => {
      const answer = await app.request("/api", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      return [answer.cache, JSON.parse(answer.body).version];
    };
    assert.deepEqual(await send({ q: 1 }), ["fwd=miss; stored", 0]);
    assert.deepEqual(await send({ q: 2 }), ["fwd=miss; stored", 0]);
    assert.deepEqual(await send({ q: 1 }), ["hit", 0], "another query has invalidated nothing");
    assert.deepEqual(await send({ mutation: true }), ["fwd=bypass; detail=skipped", 1]);
    assert.deepEqual(await send({ q: 1 }), ["fwd=miss; stored", 1]);
  });
});

async function textOf(req: Request): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
