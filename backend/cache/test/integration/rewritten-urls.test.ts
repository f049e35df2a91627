// URLs that middleware has put another in the place of: handlers see both, so that what clients have asked for is in the key, too.
import assert from "node:assert/strict";
import { afterEach, describe, test } from "@jest/globals";
import express, { type Express, type Request, type RequestHandler } from "express";
import { openCache } from "../support/caches.js";
import { EXPRESS_VERSIONS } from "../support/express-versions.js";
import { type HttpApp, serve } from "../support/http-app.js";
import { askPlainly } from "../support/plain-request.js";

type Localised = Request & { language?: string };

/** As packages for languages and versions do it: what they read is cut off. */
const cutLanguage: RequestHandler = (req: Localised, _res, next) => {
  const [, language, rest] = /^\/(de|fr)(\/.*)/.exec(req.url) ?? [];
  if (language !== undefined && rest !== undefined) {
    req.language = language;
    req.url = rest;
  }
  next();
};

const PATHS = [
  "/list?page=2",
  "/de/list?page=2",
  "/fr/list?page=2",
  "/list",
  "/fr/list",
  "/shop/list",
  "/fr/shop/list",
];

describe("a URL that middleware has rewritten", () => {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    for (const each of opened.splice(0)) await each.close();
  });

  async function open(options = {}, front: RequestHandler = cutLanguage, create: () => Express = express) {
    const cache = await openCache("memory");
    opened.push(cache);
    let runs = 0;
    const answer = (req: Localised) => [req.language ?? "en", req.originalUrl];
    const app = await serve((built) => {
      built.use(front);
      const list: RequestHandler[] = [
        cache.cacheList("list", { ttlSeconds: 60, ...options }),
        (req, res) => {
          runs++;
          res.json(answer(req));
        },
      ];
      built.get("/list", ...list);
      const shop = express.Router();
      shop.get("/list", ...list);
      built.use("/shop", shop);
    }, create);
    opened.push(app);
    return { app, cache, runs: () => runs };
  }
  const ask = async (app: HttpApp, path: string) => (await askPlainly(app.url + path)).cache;

  for (const [version, create] of EXPRESS_VERSIONS) {
    test(`Express ${version}: each gets its own answer, also where another is an entry`, async () => {
      const { app, runs } = await open({}, cutLanguage, create);
      for (let time = 0; time < 3; time++) {
        for (const path of PATHS) {
          const { body, cache: said } = await askPlainly(app.url + path);
          const language = /^\/(de|fr)\//.exec(path)?.[1] ?? "en";
          const [shown, asked] = JSON.parse(body) as string[];
          assert.deepEqual([shown, asked, said], [language, path, time === 0 ? "fwd=miss; stored" : "hit"]);
        }
      }
      assert.equal(runs(), PATHS.length);
    });
  }

  test("the order of its parameters makes no difference", async () => {
    const { app, runs } = await open();
    assert.equal(await ask(app, "/de/list?a=1&b=2"), "fwd=miss; stored");
    assert.equal(await ask(app, "/de/list?b=2&a=1"), "hit");
    assert.equal(runs(), 1);
  });

  test("middleware that gives paths one spelling has them share an entry", async () => {
    const { app, runs } = await open({}, (req, _res, next) => {
      req.url = req.url.replace(/^[^?]*/, (path) =>
        decodeURIComponent(path)
          .toLowerCase()
          .replace(/(.)\/$/, "$1"),
      );
      next();
    });
    assert.equal(await ask(app, "/list?page=2"), "fwd=miss; stored");
    for (const path of ["/LIST?page=2", "/l%69st?page=2", "/list/?page=2"])
      assert.equal(await ask(app, path), "hit", path);
    assert.equal(await ask(app, "/list?page=3"), "fwd=miss; stored");
    assert.equal(runs(), 2);
  });

  test("parameters that no answer depends on are those of what was asked for, too", async () => {
    const { app, runs } = await open({ ignoreParams: ["utm_*"] });
    await ask(app, "/de/list?page=2&utm_source=a");
    assert.equal(await ask(app, "/de/list?page=2&utm_source=b"), "hit");
    assert.equal(runs(), 1);
  });

  test("where the route names its parameters, others that middleware takes away make no entries", async () => {
    const onlyPage: RequestHandler = (req, _res, next) => {
      req.url = req.url.replace(/[?&]noise=[^&]*/, "");
      next();
    };
    const { app, runs } = await open({ params: ["page"] }, onlyPage);
    await ask(app, "/list?page=2&noise=1");
    assert.equal(await ask(app, "/list?page=2&noise=2"), "hit");
    assert.equal(runs(), 1);
  });

  test("where the route says how it understands its query, the text of neither counts", async () => {
    const { app } = await open({ query: (req: Request) => ({ page: Number(req.query.page) }) });
    await ask(app, "/de/list?page=2&x=1");
    assert.equal(await ask(app, "/de/list?page=02&x=2"), "hit");
    assert.equal(await ask(app, "/fr/list?page=2"), "fwd=miss; stored");
  });

  test.each([
    ["what was asked for", "/de/list?page=2", ["fwd=miss; stored", "hit"]],
    ["all queries of what was asked for", "/de/list", ["fwd=miss; stored", "hit"]],
    ["another query of it", "/de/list?page=3", ["hit", "hit"]],
    [
      "what the route sees, which is all that became it",
      "/list?page=2",
      ["fwd=miss; stored", "fwd=miss; stored"],
    ],
  ])("it is forgotten by %s", async (_name, url, expected) => {
    const { app, cache } = await open();
    const paths = ["/de/list?page=2", "/fr/list?page=2"];
    for (const path of paths) await ask(app, path);
    await cache.idle();
    await cache.forget({ tenant: "tenant-1", url });
    const said: string[] = [];
    for (const path of paths) said.push(await ask(app, path));
    assert.deepEqual(said, expected);
  });
});
