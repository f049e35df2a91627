// Mistakes that leak or never hit are told once, with what to do instead.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { openCache, quiet } from "../support/caches.js";
import { serve } from "../support/http-app.js";

async function open() {
  const lines: string[] = [];
  const cache = await openCache("memory", { logger: { ...quiet, warn: (line) => void lines.push(line) } });
  return { cache, lines };
}

describe("misuse", () => {
  test("an undeclared Vary: which name, and where to declare it; compression has advice of its own", async () => {
    const { cache, lines } = await open();
    const app = await serve((express) => {
      express.get("/:name", cache.cacheList("accounts", 180), (req, res) =>
        res.vary(String(req.params.name)).send("x"),
      );
    });
    for (const name of ["Accept-Language", "Accept-Language", "*", "Accept-Encoding"])
      await app.request(`/${name}`);
    assert.equal(lines.length, 3, lines.join("\n"));
    assert.match(
      lines[0] ?? "",
      /"Vary: Accept-Language" and is not stored: declare it: .*vary: \["Accept-Language"\]/,
    );
    assert.match(lines[1] ?? "", /"Vary: \*" and is not stored: no request can match it again/);
    assert.match(lines[2] ?? "", /mount compression before cacheList/);
    await app.close();
    await cache.close();
  });

  test("a route whose requests never have a tenant; not one whose requests sometimes have none", async () => {
    const { cache, lines } = await open();
    const app = await serve((express) => {
      express.get("/never", cache.cacheList("leads", 180), (_req, res) => res.send("x"));
      express.get("/sometimes", cache.cacheList("accounts", 180), (_req, res) => res.send("x"));
    });
    await app.request("/sometimes");
    for (let index = 0; index < 25; index++) {
      await app.request("/never", { tenant: "" });
      await app.request("/sometimes", { tenant: "" });
    }
    assert.equal(lines.length, 1, lines.join("\n"));
    assert.match(
      lines[0] ?? "",
      /module leads: none of the first 20 requests had a tenant.*after authentication/,
    );
    await app.close();
    await cache.close();
  });

  test("a tenant option that throws: told once, and such requests are answered without the cache", async () => {
    const errors: string[] = [];
    const cache = await openCache("memory", {
      logger: { ...quiet, error: (line) => void errors.push(line) },
      tenant: (req) => {
        const tenant = req.get("x-tenant");
        if (tenant === "broken") throw new Error("no session");
        return tenant;
      },
    });
    let runs = 0;
    const app = await serve((express) => {
      express.get("/list", cache.cacheList("accounts"), (_req, res) => res.send(`run ${++runs}`));
      express.post("/list", cache.invalidateCache("accounts"), (_req, res) => res.status(201).end());
    });
    afterTest(async () => {
      await app.close();
      await cache.close();
    });
    const list = async (tenant: string) => {
      const { status, body, cache: said } = await app.request("/list", { tenant });
      return [status, body, said];
    };
    assert.deepEqual(await list("broken"), [200, "run 1", "fwd=bypass; detail=no-tenant"]);
    assert.deepEqual(await list("broken"), [200, "run 2", "fwd=bypass; detail=no-tenant"]);
    assert.equal((await app.request("/list", { method: "POST", tenant: "broken" })).status, 201);
    assert.deepEqual(await list("sound"), [200, "run 3", "fwd=miss; stored"]);
    assert.deepEqual(await list("sound"), [200, "run 3", "hit"]);
    assert.equal(errors.length, 1, errors.join("\n"));
    assert.match(errors[0] ?? "", /the tenant option threw \(no session\); such requests bypass the cache/);
  });

  test("a module with and without a scope, when the second route is mounted", async () => {
    const { cache, lines } = await open();
    const scope = () => "admin";
    cache.cacheList("accounts", { scope });
    cache.cacheList("accounts", { scope, ttlSeconds: 300 });
    cache.cacheList("leads", 180);
    assert.equal(lines.length, 0);
    cache.cacheList("accounts", 180);
    cache.cacheList("accounts", 60);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /module accounts has routes with a scope function and routes without/);
    await cache.close();
  });
});
