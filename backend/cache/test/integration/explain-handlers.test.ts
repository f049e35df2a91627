// What runs of an app while a request is explained: what stands in front of `cacheList`, and never a handler.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterEach, describe, test } from "@jest/globals";
import express5, { type Express, type NextFunction, type Request, type Response } from "express";
import { until } from "../../../servers/until.js";
import { layersOf } from "../../src/app-layers.js";
import { createTenantCache, type ExplainRequest, type Explanation } from "../../src/index.js";
import { quiet } from "../support/caches.js";

const express4: typeof express5 = createRequire(import.meta.url)("express-4");

const VERSIONS: readonly (readonly [string, typeof express5])[] = [
  ["Express 5", express5],
  ["Express 4", express4],
];

/** As the instrumentation of OpenTelemetry does: a function of two parameters, and `__original` of shimmer. */
function traced(app: Express): void {
  for (const layer of layersOf(app) ?? []) {
    const original = layer.handle;
    const around = function (this: unknown, _req: Request, _res: Response) {
      // biome-ignore lint/complexity/noArguments: the instrumentation passes on what it gets
      return Reflect.apply(original, this, arguments);
    };
    Object.defineProperty(around, "__original", { value: original });
    Object.assign(layer, { handle: around });
  }
}

describe.each(VERSIONS)("a dry run, %s", (version, express) => {
  const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), logger: quiet });
  let ran: string[] = [];
  afterEach(() => {
    ran = [];
  });

  const passes = (name: string) => (_req: Request, _res: Response, next: NextFunction) => {
    ran.push(name);
    next();
  };
  const handler = (_req: Request, res: Response) => {
    ran.push("HANDLER");
    res.json({});
  };
  const handlerWithNext = (_req: Request, res: Response, _next: NextFunction) => {
    ran.push("HANDLER");
    res.json({});
  };
  const list = () => cache.cacheList("things", 60);

  async function explain(build: (app: Express) => void, request: Partial<ExplainRequest> = {}) {
    const app = express();
    build(app);
    return cache.explain({ app, url: "/things", headers: { "x-tenant": "acme" }, ...request });
  }
  const toldOf = ({ verdict, path, status }: Explanation) => [verdict, path, status];

  test("what is in front of cacheList runs, and what is behind does not", async () => {
    const said = await explain((app) => {
      app.use(passes("first"));
      app.use(express.json());
      app.get("/things", passes("validate"), list(), passes("BEHIND"), handler);
      app.use(passes("LAST"));
    });
    assert.deepEqual(toldOf(said), ["miss", "GET /things", null]);
    assert.deepEqual(ran, ["first", "validate"]);
  });

  test("through functions that a tracer has put itself around", async () => {
    const said = await explain((app) => {
      app.use(passes("first"));
      app.use(list());
      app.get("/things", handler);
      traced(app);
    });
    assert.deepEqual(toldOf(said), ["miss", "GET /", null]);
    assert.deepEqual(ran, ["first"]);
  });

  test("through routers, mounted apps and parameters", async () => {
    const inner = express.Router();
    inner.param("id", (_req, _res, next) => {
      ran.push("param");
      next();
    });
    inner.get("/:id", list(), handler);
    const mounted = express();
    mounted.use(passes("mounted"));
    mounted.use("/v1", inner);
    const said = await explain((app) => void app.use("/api", passes("guard"), mounted), {
      url: "/api/v1/17",
    });
    assert.equal(said.verdict, "miss");
    assert.deepEqual(ran, ["guard", "mounted", "param"]);
  });

  for (const [name, build] of [
    ["a route without cacheList", (app) => app.get("/things", handler)],
    ["one whose handler takes next", (app) => app.get("/things", passes("BEFORE"), handlerWithNext)],
    ["a middleware that takes no next", (app) => app.use(handler).get("/things", list(), handler)],
    [
      "a route in front of cacheList that cannot go on",
      (app) => {
        app.get("/things", handler);
        app.get("/things", list(), handler);
      },
    ],
    ["cacheList of another method", (app) => app.post("/things", list(), handler)],
    ["cacheList of another path", (app) => app.get("/others", list(), handler)],
    ["nothing at all", () => undefined],
  ] as const satisfies readonly (readonly [string, (app: Express) => unknown])[])
    test(`${name}: it is not cached, and nothing of it runs`, async () => {
      const said = await explain((app) => void build(app));
      assert.equal(said.verdict, "not-cached");
      assert.deepEqual(ran, []);
    });

  test("a route in front that takes next is middleware", async () => {
    const said = await explain((app) => {
      app.all(/.*/, passes("authenticate"));
      app.get("/things", list(), handler);
    });
    assert.equal(said.verdict, "miss");
    assert.deepEqual(ran, ["authenticate"]);
  });

  test("invalidateCache does nothing, and a mutation's handler does not run", async () => {
    const heard: unknown[] = [];
    cache.events.on("invalidated", (event) => heard.push(event));
    const build = (app: Express) => void app.post("/things", cache.invalidateCache("things"), handler);
    assert.equal((await explain(build, { method: "POST" })).verdict, "not-cached");
    const both = (app: Express) => {
      app.use(cache.invalidateCache("things"));
      app.get("/things", list(), handler);
    };
    assert.equal((await explain(both)).verdict, "miss");
    assert.deepEqual([ran, heard], [[], []]);
  });

  test("of another cache in the same app no handler runs either", async () => {
    const other = createTenantCache({ tenant: () => "acme", logger: quiet });
    const said = await explain((app) => void app.get("/things", other.cacheList("things", 60), handler));
    assert.equal(said.verdict, "miss");
    assert.deepEqual(ran, []);
    await other.close();
  });

  test("who refuses in front is told, with the status", async () => {
    const said = await explain((app) => {
      app.use((req, res, next) => (req.get("authorization") ? next() : void res.sendStatus(401)));
      app.get("/things", list(), handler);
    });
    assert.deepEqual(toldOf(said), ["answered-before", null, 401]);
    const failing = await explain((app) => {
      app.use((_req, _res, next) => next(new Error("no")));
      app.get("/things", list(), handler);
      app.use((_e: unknown, _req: Request, res: Response, _next: NextFunction) => void res.sendStatus(503));
    });
    assert.deepEqual(toldOf(failing), ["answered-before", null, 503]);
    assert.deepEqual(ran, []);
  });

  test("an identity that is put on the request counts", async () => {
    const said = await explain(
      (app) => {
        app.use((req, res, next) => ("auth" in req ? next() : void res.sendStatus(401)));
        app.get("/things", list(), handler);
      },
      { as: (req) => Object.assign(req, { auth: { sub: "ada" } }) },
    );
    assert.equal(said.verdict, "miss");
  });

  test("who waits for the end of the response is let go", async () => {
    let underWay = 0;
    await explain((app) => {
      app.use((_req, res, next) => {
        underWay++;
        res.once("finish", () => underWay--);
        next();
      });
      app.get("/things", list(), handler);
    });
    await until("the response has ended", () => underWay === 0);
  });

  test("requests from outside meanwhile are not dry runs", async () => {
    const app = express();
    app.use((req, _res, next) => {
      if (req.get("x-wait")) setTimeout(next, 20);
      else next();
    });
    app.get("/things", list(), handler);
    app.get("/plain", handler);
    const explaining = cache.explain({ app, url: "/things", headers: { "x-tenant": "acme", "x-wait": "1" } });
    const { default: inject } = await import("light-my-request");
    const answered = await inject(app as never, { url: "/plain" });
    assert.equal(answered.statusCode, 200);
    assert.deepEqual(ran, ["HANDLER"]);
    assert.equal((await explaining).verdict, "miss");
    assert.deepEqual(ran, ["HANDLER"], `${version}: and its own handler did not run`);
  });

  test("afterwards Express is as it was", async () => {
    const app = express();
    app.get("/things", list(), handler);
    const stack = (app as unknown as { _router?: { stack: object[] }; router: { stack: object[] } })[
      version === "Express 4" ? "_router" : "router"
    ]?.stack as object[];
    const prototype = Object.getPrototypeOf(stack[0]);
    const name = "handleRequest" in prototype ? "handleRequest" : "handle_request";
    const before = prototype[name];
    await cache.explain({ app, url: "/things", headers: { "x-tenant": "acme" } });
    assert.equal(prototype[name], before);
  });

  test("a middleware that goes on to nobody is told after a while, and its late next starts nothing", async () => {
    let goOn: (() => void) | undefined;
    const said = await explain((app) => {
      app.use((_req, _res, next) => {
        goOn = next;
      });
      app.get("/things", list(), handler);
    });
    assert.equal(said.verdict, "unanswered");
    goOn?.();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(ran, []);
  });
});
