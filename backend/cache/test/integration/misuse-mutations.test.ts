// Mistakes that make a mutation silently stale are told once, and right use is never told of.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "@jest/globals";
import express, { type Express, type RequestHandler } from "express";
import type { TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, quiet, type StoreName } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

const express4: typeof express = createRequire(import.meta.url)("express-4");

interface World {
  readonly cache: TenantCache;
  readonly app: HttpApp;
  /** What the cache has told so far. */
  readonly lines: readonly string[];
  /** Makes so many requests. */
  send(times: number, method: string, path: string, tenant?: string): Promise<void>;
}

interface Mounted {
  readonly store?: StoreName;
  readonly options?: Partial<TenantCacheOptions>;
  readonly mount: (app: Express, cache: TenantCache) => void;
}

async function withApp({ store = "memory", options, mount }: Mounted, work: (world: World) => Promise<void>) {
  const lines: string[] = [];
  const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
  const cache = await openCache(store, { logger, ...options });
  const app = await serve((express) => mount(express, cache));
  const send: World["send"] = async (times, method, path, tenant = "tenant-1") => {
    for (let time = 0; time < times; time++) await app.request(path, { method, tenant });
  };
  await work({ cache, app, lines, send });
  await app.close();
  await cache.close();
}

const done: RequestHandler = (_req, res) => void res.sendStatus(204);
const items: RequestHandler = (_req, res) => void res.json([]);

/** As the app's authentication does: behind it the request has a tenant. */
const authenticate: RequestHandler = (req, res, next) => {
  res.locals.tenant = req.get("x-tenant");
  next();
};
const authenticated: Partial<TenantCacheOptions> = { tenant: (req) => req.res?.locals.tenant };

describe("a mutation without a tenant", () => {
  test("before authentication: told with the first that succeeds", () =>
    withApp(
      {
        options: authenticated,
        mount: (app, cache) => {
          app.get("/accounts", authenticate, cache.cacheList("accounts", 180), items);
          app.post("/accounts", cache.invalidateCache("accounts"), authenticate, done);
        },
      },
      async ({ lines, send }) => {
        await send(3, "POST", "/accounts");
        assert.equal(lines.length, 1, lines.join("\n"));
        assert.match(
          lines[0] ?? "",
          /invalidateCache\("accounts"\): a mutation succeeded without a tenant .* none yet when it ran: mount invalidateCache after authentication$/,
        );
      },
    ));

  test("one that never has any: told once, with what belongs to no tenant", () =>
    withApp(
      {
        mount: (app, cache) => {
          app.get("/accounts", cache.cacheList("accounts", 180), items);
          app.post("/accounts", cache.invalidateCache("accounts"), done);
        },
      },
      async ({ lines, send }) => {
        await send(25, "POST", "/accounts", "");
        assert.equal(lines.length, 1, lines.join("\n"));
        assert.match(
          lines[0] ?? "",
          /the tenant option found none: mount invalidateCache after authentication/,
        );
      },
    ));

  test("not where it was refused, nor where others of the route had one", () =>
    withApp(
      {
        mount: (app, cache) => {
          app.get("/accounts", cache.cacheList("accounts", 180), items);
          app.post("/refused", cache.invalidateCache("accounts"), (_req, res) => void res.sendStatus(401));
          app.post("/sometimes", cache.invalidateCache("accounts"), done);
        },
      },
      async ({ lines, send }) => {
        await send(25, "POST", "/refused", "");
        await send(1, "POST", "/sometimes");
        await send(25, "POST", "/sometimes", "");
        assert.deepEqual(lines, []);
      },
    ));
});

for (const [name, create] of [
  ["Express 5", express],
  ["Express 4", express4],
] as const)
  describe(`invalidateCache on what only reads, ${name}`, () => {
    const mounted = (mount: (app: Express, cache: TenantCache) => void): Mounted => ({
      mount: (outer, cache) => {
        const app = create();
        app.get("/accounts", cache.cacheList("accounts", 180), items);
        mount(app, cache);
        outer.use(app);
      },
    });

    test("a GET route: told with its first request", () =>
      withApp(
        mounted((app, cache) => app.get("/touch/:id", cache.invalidateCache("accounts"), done)),
        async ({ lines, send }) => {
          await send(3, "GET", "/touch/1");
          await send(1, "HEAD", "/touch/2");
          assert.equal(lines.length, 1, lines.join("\n"));
          assert.match(
            lines[0] ?? "",
            /invalidateCache\("accounts"\) does nothing on GET \/touch\/:id, .*make it a POST/,
          );
        },
      ));

    test("what is mounted where only GET comes: told after many", () =>
      withApp(
        mounted((app, cache) => app.use("/touch", cache.invalidateCache("accounts"), done)),
        async ({ lines, send }) => {
          await send(99, "GET", "/touch");
          assert.deepEqual(lines, []);
          await send(20, "GET", "/touch");
          assert.equal(lines.length, 1, lines.join("\n"));
          assert.match(lines[0] ?? "", /none of the first 100 requests was a mutation/);
        },
      ));

    test("not what mutations reach, too: a router, a route of both, all methods", () =>
      withApp(
        mounted((app, cache) => {
          const invalidate = cache.invalidateCache("accounts");
          app.use("/router", invalidate, done);
          app.route("/both").get(invalidate, items).post(invalidate, done);
          app.all("/all", invalidate, done);
        }),
        async ({ lines, send }) => {
          for (const path of ["/router", "/both", "/all"]) {
            await send(30, "GET", path);
            await send(1, "OPTIONS", path);
            await send(1, "POST", path);
            await send(120, "GET", path);
          }
          assert.deepEqual(lines, []);
        },
      ));
  });

describe("a module that nothing caches", () => {
  const mount = (app: Express, cache: TenantCache) => {
    app.get("/accounts", cache.cacheList("accounts", { dependsOn: ["settings"] }), items);
    app.get("/contacts", cache.cacheList("contacts", 180), items);
    app.post("/slip", cache.invalidateCache("acounts"), done);
    app.post("/other", cache.invalidateCache("accounts", "invoices"), done);
    app.post("/right", cache.invalidateCache("accounts", "settings"), done);
  };

  for (const store of ["memory", "redis"] as const)
    test(`a slip: told with the first mutation, with the name that is near (${store})`, () =>
      withApp({ store, mount }, async ({ lines, send, cache }) => {
        await send(1, "POST", "/slip");
        assert.equal(lines.length, 1, lines.join("\n"));
        assert.match(
          lines[0] ?? "",
          /names module "acounts", which nothing in this process caches: did you mean "accounts"\?/,
        );
        await send(25, "POST", "/slip");
        await cache.invalidateTenantCache("tenant-1", "acounts");
        assert.equal(lines.length, 1);
        await cache.invalidateTenantCache("tenant-1", "contact");
        assert.match(
          lines[1] ?? "",
          /invalidateTenantCache names module "contact", .*did you mean "contacts"\?/,
        );
      }));

  test("another name: told at once where nobody else can cache it", () =>
    withApp({ mount }, async ({ lines, send }) => {
      await send(25, "POST", "/other");
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(
        lines[0] ?? "",
        /names module "invoices", which nothing in this process caches: it caches accounts, contacts/,
      );
    }));

  test("another name: told after a while where another process may cache it", () =>
    withApp({ store: "redis", mount }, async ({ lines, send }) => {
      await send(19, "POST", "/other");
      assert.deepEqual(lines, []);
      await send(5, "POST", "/other");
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(lines[0] ?? "", /where another process caches it, all is well/);
    }));

  test("not what a route depends on, nor domains of the toolkit, nor in a process that caches nothing", async () => {
    await withApp({ mount }, async ({ lines, send, cache }) => {
      await cache.manager.tenant("tenant-1").set("users:1", "Ada");
      cache.manager.collection("orders:{id}");
      await send(25, "POST", "/right");
      for (const module of ["users", "orders"])
        for (let time = 0; time < 25; time++) await cache.invalidateTenantCache("tenant-1", module);
      assert.deepEqual(lines, []);
    });
    await withApp(
      { store: "redis", mount: (app, cache) => app.post("/", cache.invalidateCache("accounts"), done) },
      async ({ lines, send }) => {
        await send(25, "POST", "/");
        assert.deepEqual(lines, []);
      },
    );
  });

  test("a dependency that nothing invalidates: a slip with the first request, another name after a while", () =>
    withApp(
      {
        mount: (app, cache) => {
          app.get("/right", cache.cacheList("contacts", { dependsOn: ["accounts", "settings"] }), items);
          app.get("/accounts", cache.cacheList("accounts", 180), items);
          app.get("/slip", cache.cacheList("leads", { dependsOn: ["setings"] }), items);
          app.get("/other", cache.cacheList("orders", { dependsOn: ["prices"] }), items);
          app.put("/settings", cache.invalidateCache("settings"), done);
        },
      },
      async ({ lines, send }) => {
        await send(25, "GET", "/right");
        await send(25, "GET", "/slip");
        assert.equal(lines.length, 1, lines.join("\n"));
        assert.match(lines[0] ?? "", /module leads depends on module "setings", .*did you mean "settings"\?/);
        await send(19, "GET", "/other");
        assert.equal(lines.length, 1, lines.join("\n"));
        await send(5, "GET", "/other");
        assert.equal(lines.length, 2, lines.join("\n"));
        assert.match(lines[1] ?? "", /module orders depends on module "prices"/);
      },
    ));
});
