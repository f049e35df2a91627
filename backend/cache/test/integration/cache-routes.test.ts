// `cache.routes`: one line caches a whole router, by module, and its mutations invalidate what they touch. Handler runs are counted.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { type RequestHandler, Router } from "express";
import { afterTest } from "../../../servers/in-test.js";
import type { RoutesOptions, TenantCacheOptions } from "../../src/index.js";
import { isError } from "../../src/thrown.js";
import { openCache, quiet, STORES, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

async function open(store: StoreName, options?: RoutesOptions, ofCache: Partial<TenantCacheOptions> = {}) {
  const lines: string[] = [];
  const tell = (line: string) => void lines.push(line);
  const cache = await openCache(store, { logger: { ...quiet, warn: tell, error: tell }, ...ofCache });
  let runs = 0;
  const auth: RequestHandler = (req, res, next) =>
    req.get("x-role") === "guest" ? void res.sendStatus(403) : next();
  const answer: RequestHandler = (req, res) => void res.json([req.method, req.originalUrl, ++runs]);
  const app = await serve((express) => {
    express.use("/api", auth, cache.routes(options), Router().use(answer));
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  return {
    lines,
    cache,
    get runs() {
      return runs;
    },
    read: async (path: string, init: RequestInit & { tenant?: string } = {}) =>
      (await app.request(`/api${path}`, init)).cache,
    write: (path: string, method = "POST", tenant = "tenant-1") =>
      app.request(`/api${path}`, { method, tenant }),
    /** Which of the paths are hits now; the others are filled by it. */
    async hits(...paths: string[]): Promise<string[]> {
      const hits: string[] = [];
      for (const path of paths) if ((await app.request(`/api${path}`)).cache === "hit") hits.push(path);
      await cache.idle();
      return hits;
    },
  };
}

const ORDERS = ["/orders", "/orders/17", "/orders?page=2"] as const;

for (const store of STORES) {
  describe(`cache.routes (${store})`, () => {
    test("reads are cached by the first segment, and what changes something invalidates it", async () => {
      const api = await open(store);
      await api.hits(...ORDERS, "/customers/3");
      assert.equal(api.runs, 4);
      assert.deepEqual(await api.hits(...ORDERS, "/customers/3"), [...ORDERS, "/customers/3"]);
      assert.equal(api.runs, 4);
      for (const [method, path] of [
        ["POST", "/orders"],
        ["PATCH", "/orders/17"],
        ["DELETE", "/Orders/17/lines/2/"],
      ]) {
        assert.equal((await api.write(path ?? "", method)).cache, "");
        assert.deepEqual(await api.hits(...ORDERS, "/customers/3"), ["/customers/3"], method);
      }
      assert.equal(await api.read("/orders/17", { tenant: "tenant-2" }), "fwd=miss; stored");
      await api.write("/orders", "POST", "tenant-2");
      assert.deepEqual(await api.hits(...ORDERS), [...ORDERS], "another tenant's");
      for (const method of ["OPTIONS", "HEAD"]) await api.write("/orders", method);
      assert.deepEqual(await api.hits(...ORDERS), [...ORDERS], "safe methods");
    });

    test("touches names what a mutation changes beside its own module", async () => {
      const api = await open(store, {
        touches: { convert: ["leads", "accounts", "contacts"], "POST /orders/:id/ship": ["stock"] },
      });
      const all = ["/leads", "/accounts", "/contacts", "/orders", "/stock"];
      await api.hits(...all);
      await api.write("/leads/17/convert");
      assert.deepEqual(await api.hits(...all), ["/orders", "/stock"]);
      // Express decodes what is a parameter in its route.
      for (const path of ["/orders/4/ship", "/orders/4/%73hip", "/Orders/4/Ship/"]) {
        await api.write(path);
        assert.deepEqual(await api.hits(...all), ["/leads", "/accounts", "/contacts"], path);
        await api.hits(...all);
      }
      await api.write("/orders/4/ship", "PUT");
      assert.deepEqual(
        await api.hits(...all),
        all.filter((path) => path !== "/orders"),
      );
    });

    test("a module is told by the decoded path, as parameters of routes are", async () => {
      const api = await open(store, { except: ["/orders/export"], touches: { orders: ["stock"] } });
      for (const path of ["/%6frders", "/%4Frders/", "/ord%65rs/17"]) {
        await api.hits("/orders", "/stock", "/customers");
        await api.write(path);
        assert.deepEqual(await api.hits("/orders", "/stock", "/customers"), ["/customers"], path);
        assert.equal(await api.read(path), "fwd=miss; stored");
        await api.write("/orders");
        assert.equal(await api.read(path), "fwd=miss; stored", "of the same module");
      }
      assert.equal(await api.read("/%6frders/export"), "fwd=bypass; detail=skipped");
    });

    test("a mutation whose module nobody can tell invalidates all that the tenant has", async () => {
      const api = await open(store);
      await api.hits("/orders", "/customers");
      assert.equal(await api.read("/"), "fwd=bypass; detail=no-module");
      await api.write("/");
      assert.deepEqual(await api.hits("/orders", "/customers"), []);
      for (const path of ["/%6frders%zz", "/or%2Fders", "/%6Frd%20ers"]) {
        assert.equal(await api.read(path), "fwd=bypass; detail=no-module", path);
        await api.hits("/orders", "/customers");
        await api.write(path);
        assert.deepEqual(await api.hits("/orders", "/customers"), [], path);
      }
    });
  });
}

describe("cache.routes", () => {
  test("modules have what is said of them, over what is said for all", async () => {
    const api = await open(
      "memory",
      {
        ttlSeconds: 60,
        statuses: [200, 404],
        modules: {
          plans: "reference",
          orders: { dependsOn: ["customers"] },
          rates: 799,
          live: { enabled: false },
        },
      },
      { policies: { reference: { ttlSeconds: 3600 } } },
    );
    const left = async (path: string) => {
      await api.read(path);
      return api.write(path, "GET").then(({ headers }) => headers.get("cache-status"));
    };
    assert.match((await left("/other")) ?? "", /ttl=(?:60|5\d)$/);
    assert.match((await left("/plans")) ?? "", /ttl=3(?:600|5\d\d)$/);
    assert.match((await left("/rates")) ?? "", /hit; ttl=7\d\d$/);
    assert.match((await left("/orders")) ?? "", /ttl=(?:60|5\d)$/);
    assert.equal(await api.read("/live"), "fwd=bypass; detail=disabled");
    await api.write("/customers/1");
    assert.deepEqual(await api.hits("/orders", "/plans"), ["/plans"]);
  });

  test("except leaves reads to their handlers, and what they change invalidates still", async () => {
    const api = await open("memory", { except: ["/orders/export", "raw", "GET /orders/:id/pdf"] });
    for (const path of ["/orders/export", "/orders/Export/", "/customers/raw/2", "/orders/7/pdf"])
      assert.equal(await api.read(path), "fwd=bypass; detail=skipped", path);
    await api.hits("/orders/exported", "/orders/7");
    await api.write("/orders/export");
    assert.deepEqual(await api.hits("/orders/exported", "/orders/7"), []);
  });

  test("what refuses a request in front of it does so for hits, too", async () => {
    const api = await open("memory");
    await api.hits("/orders");
    assert.equal(await api.read("/orders", { headers: { "x-role": "guest" } }), "");
  });

  test("module says what a request is about; one that throws or returns nonsense is told once", async () => {
    const api = await open("memory", {
      module: (req) => {
        const [, version, module] = req.path.split("/");
        if (module === "broken") throw new Error("no module");
        return version === "v1" ? module : undefined;
      },
    });
    await api.hits("/v1/orders", "/v1/customers");
    assert.deepEqual(await api.hits("/v1/orders", "/v1/customers"), ["/v1/orders", "/v1/customers"]);
    await api.write("/v1/orders/3");
    assert.deepEqual(await api.hits("/v1/orders", "/v1/customers"), ["/v1/customers"]);
    for (const path of ["/v2/orders", "/v1/broken", "/v1/broken", "/v1/Orders"])
      assert.equal(await api.read(path), "fwd=bypass; detail=no-module", path);
    assert.equal(api.lines.length, 2, api.lines.join("\n"));
    assert.match(api.lines[0] ?? "", /the module function of routes threw \(no module\); such reads bypass/);
    assert.match(
      api.lines[1] ?? "",
      /the module function of routes returned a string .* return a lower-case word/,
    );
    await api.write("/v1/broken");
    assert.deepEqual(await api.hits("/v1/customers"), []);
  });

  test("when tells what changed nothing, and searches by POST are reads where methods say so", async () => {
    const asked = await open("memory", { when: (req) => !req.path.endsWith("/preview") });
    await asked.hits("/orders");
    await asked.write("/orders/preview");
    assert.deepEqual(await asked.hits("/orders"), ["/orders"]);
    await asked.write("/orders");
    assert.deepEqual(await asked.hits("/orders"), []);
  });

  test("more paths than are remembered cost hits, and nothing else", async () => {
    const api = await open("memory");
    for (let index = 0; index < 1100; index++) await api.read(`/module${index}`);
    await api.write("/module3");
    assert.equal(await api.read("/module3"), "fwd=miss; stored");
    assert.equal(await api.read("/module4"), "hit");
    assert.deepEqual(api.lines, []);
  });

  test("wrong options are refused when it is mounted", async () => {
    const cache = await openCache("memory", { policies: { reference: 60 } });
    afterTest(() => cache.close());
    const wrong = (options: object) => () => cache.routes(options as RoutesOptions);
    const refused: readonly (readonly [mount: () => unknown, said: RegExp])[] = [
      [wrong({ ttl: 60 }), /routes: there is no option ttl .*: write ttlSeconds/],
      [wrong({ modules: { Orders: 60 } }), /ETC_MODULE_NAME: routes: modules: .* write "orders"/],
      [wrong({ modules: { orders: { ttl: 60 } } }), /there is no option ttl .*: write ttlSeconds/],
      [wrong({ modules: { orders: "referense" } }), /no policy "referense", a string: write "reference"/],
      [wrong({ touches: { convert: ["Leads"] } }), /ETC_MODULE_NAME: .*write "leads"/],
      [wrong({ except: ["orders/export"] }), /except\[0\] is "orders\/export", a string: write a path below/],
      [wrong({ guard: true, when: () => true }), /guard and when are given/],
      [() => Reflect.apply(cache.routes, cache, [{}, {}]), /ETC_ARGUMENTS: routes was given an object/],
    ];
    for (const [mount, said] of refused)
      assert.throws(mount, (error) => isError(error) && said.test(error.message), String(said));
  });
});
