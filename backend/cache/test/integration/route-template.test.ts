// The template of a route that is in routers and mounted apps: one text, whatever its parameters are, or none. Express 5, older routers of it, and Express 4.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express5, { type Express, type NextFunction, type Request, type Response } from "express";
import request from "supertest";
import { type Layer, type LayerMatch, layersOf } from "../../src/app-layers.js";
import { routePattern, routeTemplate } from "../../src/route-pattern.js";

const express4: typeof express5 = createRequire(import.meta.url)("express-4");

/** Of all layers of Express 5: routers before 2.3 do not say which pattern has matched. */
function withoutPatterns(): () => void {
  const [layer] = layersOf(express5().use("/a", (_req, _res, next) => next())) ?? [];
  const prototype: Layer = Object.getPrototypeOf(layer);
  const { match } = prototype;
  const forgetful = function (this: Layer, path: string): ReturnType<Layer["match"]> {
    const { pattern: _, ...found } = Object(match.call(this, path)) as LayerMatch;
    return "path" in found && found;
  };
  Object.assign(prototype, { match: forgetful });
  return () => void Object.assign(prototype, { match });
}

const VERSIONS: readonly (readonly [string, typeof express5, () => () => void])[] = [
  ["Express 5", express5, () => () => undefined],
  ["Express 5 with an older router", express5, withoutPatterns],
  ["Express 4", express4, () => () => undefined],
];

describe.each(VERSIONS)("a route's template, %s", (_version, express, begin) => {
  let end: (() => void) | undefined;
  beforeAll(() => {
    end = begin();
  });
  afterAll(() => end?.());

  const tell = (req: Request, res: Response) =>
    void res.json({ template: routeTemplate(req) ?? null, pattern: routePattern(req) });
  const asked = async (app: Express, path: string) =>
    (await request(app).get(path)).body as { template: string | null; pattern: string };
  const templates = (app: Express, ...paths: string[]) =>
    Promise.all(paths.map(async (path) => (await asked(app, path)).template));
  const routerOf = (build: (router: ReturnType<typeof express.Router>) => void, options = {}) => {
    const router = express.Router(options);
    build(router);
    return router;
  };

  test("of an app's own routes", async () => {
    const app = express().get("/", tell).get("/items/:id", tell);
    assert.deepEqual(await templates(app, "/", "/items/1", "/items/x-2"), ["/", "/items/:id", "/items/:id"]);
  });

  test("of routers in routers, with parameters in their mounts, also where values are like other segments", async () => {
    const notes = routerOf((router) => router.get("/", tell).get("/notes/:id", tell));
    const customers = routerOf((router) => router.use("/customers/:customer", notes), { mergeParams: true });
    const app = express().use("/tenants/:tenant", customers);
    for (const [tenant, customer] of [
      ["acme", "17"],
      ["acme%20ltd", "a%2Fb"],
      ["ACME", "notes"],
      ["other", "other"],
    ])
      assert.deepEqual(
        await templates(
          app,
          `/tenants/${tenant}/customers/${customer}/notes/3`,
          `/tenants/${tenant}/customers/${customer}`,
        ),
        ["/tenants/:tenant/customers/:customer/notes/:id", "/tenants/:tenant/customers/:customer"],
      );
  });

  test("of a router that is mounted twice: that of the way that the request came", async () => {
    const notes = routerOf((router) => router.get("/notes/:id", tell));
    const app = express().use("/leads/:lead", notes).use("/accounts/:account", notes);
    assert.deepEqual(await templates(app, "/accounts/1/notes/2", "/leads/1/notes/2"), [
      "/accounts/:account/notes/:id",
      "/leads/:lead/notes/:id",
    ]);
  });

  test("of mounted apps", async () => {
    const inner = express().use(
      "/v2",
      routerOf((router) => router.get("/items/:id", tell)),
    );
    const app = express().use("/api/:tenant", express().use("/shop", inner));
    assert.deepEqual(await templates(app, "/api/acme/shop/v2/items/1", "/api/7/shop/v2/items/2"), [
      "/api/:tenant/shop/v2/items/:id",
      "/api/:tenant/shop/v2/items/:id",
    ]);
  });

  test("of one of several mounts in a list", async () => {
    const items = routerOf((router) => router.get("/items/:id", tell));
    const app = express().use(["/a", "/b/:name"], items);
    assert.deepEqual(await templates(app, "/a/items/1", "/b/x/items/1"), [
      "/a/items/:id",
      "/b/:name/items/:id",
    ]);
  });

  test("none where a mount is a regular expression, however many texts it matches", async () => {
    const items = routerOf((router) => router.get("/items/:id", tell));
    const app = express()
      .use(/\/t-([a-z]+)/, items)
      .use(/\/of-[a-z]+/, items);
    assert.deepEqual(await templates(app, "/t-acme/items/1", "/t-other/items/1"), [null, null]);
    const words = Array.from({ length: 26 }, (_, at) => String.fromCharCode(97 + at));
    const seen = new Set(await templates(app, ...words.map((word) => `/of-${word}/items/1`)));
    assert.ok(seen.has(null));
    assert.ok(seen.size <= 9, `${[...seen]}`);
  });

  test("none of a route that has passed the request on, and none without a route", async () => {
    const app = express();
    app.get(/.*/, (_req: Request, _res: Response, next: NextFunction) => next());
    app.get("/api/items", (_req: Request, _res: Response, next: NextFunction) => next());
    app.use("/api", tell);
    app.use(tell);
    assert.deepEqual(await templates(app, "/api/items", "/api/others", "/elsewhere"), [null, null, null]);
  });

  test("where there is none, the pattern has no ids", async () => {
    const items = routerOf((router) => router.get("/items/:id", tell));
    const app = express().use(/\/t-([0-9]+)/, items);
    assert.equal((await asked(app, "/t-17/items/1")).pattern, "/:id/items/:id");
  });
});
