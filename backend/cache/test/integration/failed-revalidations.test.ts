// Answers that the cache judges while middleware in front, or the handler itself, fails: no error page is stored, or sent in part.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { afterEach, describe, test } from "@jest/globals";
import compression from "compression";
import type { ErrorRequestHandler, Express, RequestHandler } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

const opened: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of opened.splice(0)) await each.close();
});

async function open(
  build: (app: Express, cached: RequestHandler, cache: TenantCache) => void,
  store: StoreName = "memory",
): Promise<
  HttpApp & {
    readonly cache: TenantCache;
    plainly(headers?: Record<string, string>): ReturnType<typeof askPlainly>;
  }
> {
  const cache = await openCache(store);
  const app = await serve((app) => {
    app.set("env", "test");
    build(app, cache.cacheList("reports", 60), cache);
  });
  opened.push(app, cache);
  const plainly = (headers = {}) => askPlainly(`${app.url}/report`, { ...headers, "x-tenant": "acme" });
  return { ...app, cache, plainly };
}

const errorPage: ErrorRequestHandler = (error, _req, res, next) => {
  if (res.headersSent) next(error);
  else res.status(500).json({ error: error.message });
};

describe("a handler that fails behind its first part", () => {
  for (const store of STORES)
    test(`leaves nothing where a client that closes its connection revalidates (${store})`, async () => {
      let runs = 0;
      const app = await open((app, cached) => {
        app.get("/report", cached, (_req, res, next) => {
          runs++;
          const isFirst = runs === 1;
          res.set("ETag", '"v1"').type("text/csv");
          res.write("id,name\n");
          setImmediate(() => (isFirst ? next(new Error("the database went away")) : res.end("1,row\n")));
        });
        app.use(errorPage);
      }, store);
      await app.plainly({ "if-none-match": '"v1"', connection: "close" }).catch(() => undefined);
      await app.cache.idle();
      assert.equal((await app.plainly()).body, "id,name\n1,row\n");
      await app.cache.idle();
      assert.deepEqual([(await app.plainly()).body, runs], ["id,name\n1,row\n", 2]);
    });

  test("a sound one gives such a client its 304", async () => {
    const app = await open((app, cached) => {
      app.get("/report", cached, (_req, res) => {
        res.set("ETag", '"v1"').type("text/csv");
        res.write("id,name\n");
        setImmediate(() => res.end("1,row\n"));
      });
    });
    const first = await app.plainly({ "if-none-match": '"v1"', connection: "close" });
    assert.deepEqual([first.status, first.body], [304, ""]);
    await app.cache.idle();
    const second = await app.plainly();
    assert.deepEqual([second.cache, second.body], ["hit", "id,name\n1,row\n"]);
  });
});

test("a handler that ends with a callback is revalidated behind compression, and its connection goes on", async () => {
  const app = await open((app, cached) => {
    app.use(compression());
    app.get("/report", cached, (_req, res) => {
      res.set("ETag", '"v1"').type("text");
      // Compression forgets the callback, and takes a function in the first place for what is sent.
      res.end("the list", "utf8", () => undefined);
    });
    app.get("/other", (_req, res) => void res.send("another answer"));
    app.use(errorPage);
  });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const { port } = new URL(app.url);
  const ask = async (path: string) => {
    const headers = { "x-tenant": "acme", "if-none-match": '"v1"' };
    const [response] = (await once(get({ agent, port, host: "127.0.0.1", path, headers }), "response")) as [
      IncomingMessage,
    ];
    return [response.statusCode, await text(response)];
  };
  try {
    assert.deepEqual(await ask("/report"), [304, ""]);
    assert.deepEqual(await ask("/other"), [200, "another answer"]);
  } finally {
    agent.destroy();
  }
});

test("the error page behind an answer that was refused is whole, and says nothing of that answer", async () => {
  const app = await open((app, cached) => {
    let ends = 0;
    app.use((_req, res, next) => {
      const { end } = res;
      res.end = ((...args: Parameters<typeof end>) => {
        ends++;
        if (ends === 1) throw new Error("middleware in front is broken");
        return Reflect.apply(end, res, args);
      }) as typeof end;
      next();
    });
    app.get("/report", cached, (_req, res) => {
      res.set("ETag", '"v1"');
      res.end("the list");
    });
    app.use(errorPage);
  });
  const page = await app.plainly({ "if-none-match": '"v1"' });
  assert.deepEqual([page.status, page.body], [500, '{"error":"middleware in front is broken"}']);
  assert.deepEqual([page.headers["content-length"], page.cache], ["41", "fwd=miss; detail=unstorable"]);
  await app.cache.idle();
  assert.equal((await app.plainly()).cache, "fwd=miss; stored");
});

test("a name in Vary that earlier middleware has named before is the handler's, too", async () => {
  const app = await open((app, cached) => {
    app.use((_req, res, next) => {
      res.vary("Accept").vary("X-Early");
      next();
    });
    app.get("/report", cached, (_req, res) => {
      res.format({ json: () => res.json({ report: 1 }), html: () => res.send("<h1>report</h1>") });
    });
    app.get("/early", cached, (_req, res) => void res.send("early"));
  });
  assert.equal((await app.plainly({ accept: "application/json" })).body, '{"report":1}');
  await app.cache.idle();
  const other = await app.plainly({ accept: "text/html" });
  assert.deepEqual([other.body, other.cache], ["<h1>report</h1>", "fwd=miss; detail=vary"]);
  assert.deepEqual(other.headers.vary?.split(", ").sort(), ["Accept", "X-Early"]);
  // What the handler does not name is about the request alone, as before.
  for (const cache of ["fwd=miss; stored", "hit"]) {
    const early = await askPlainly(`${app.url}/early`, { "x-tenant": "acme" });
    assert.deepEqual([early.cache, early.headers.vary], [cache, "Accept, X-Early"]);
    await app.cache.idle();
  }
});

describe("heads that are given as a list behind middleware that waits for the head", () => {
  const LISTS: Readonly<Record<string, readonly unknown[]>> = {
    "repeated cookies": ["Set-Cookie", "a=1", "Set-Cookie", "b=2", "Content-Type", "text/plain"],
    "repeated links": ["Link", "</1>; rel=x", "Link", "</2>; rel=y"],
    pairs: [
      ["Content-Type", "text/plain"],
      ["X-One", "1"],
    ],
  };
  for (const [name, list] of Object.entries(LISTS))
    test(name, async () => {
      const app = await open((app, cached) => {
        app.use(compression());
        const answer: RequestHandler = (_req, res) => {
          res.writeHead(200, list as string[]);
          res.end("ok");
        };
        app.get("/report", cached, answer);
        app.get("/plain", answer);
      });
      const plain = await askPlainly(`${app.url}/plain`, { "x-tenant": "acme" });
      const cached = await app.plainly();
      for (const header of ["set-cookie", "link", "content-type", "x-one"])
        assert.deepEqual(cached.headers[header], plain.headers[header], header);
      assert.deepEqual([cached.status, cached.body], [plain.status, plain.body]);
    });
});

test("a header that the handler empties is not sent on hits either", async () => {
  const app = await open((app, cached) => {
    app.use((_req, res, next) => {
      res.set("Link", "</early>; rel=x");
      next();
    });
    app.get("/report", cached, (_req, res) => {
      res.setHeader("Link", []);
      res.send("no link");
    });
  });
  for (const cache of ["fwd=miss; stored", "hit"]) {
    const answer = await app.plainly();
    assert.deepEqual([answer.cache, answer.headers.link], [cache, undefined]);
    await app.cache.idle();
  }
});
