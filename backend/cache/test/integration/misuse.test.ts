// Mistakes that leak or never hit are told once, with what to do instead.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
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
