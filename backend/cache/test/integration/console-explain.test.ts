// Explain and causes in the console: verdicts of the own tenant, purges put on record, nothing of others.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request } from "express";
import type { TenantCache } from "../../src/index.js";
import { STORES } from "../support/caches.js";
import { type OpenedConsole, openConsole } from "../support/console-world.js";

for (const store of STORES) {
  describe(`explain and causes in the console, ${store} store`, () => {
    let cache: TenantCache;
    let world: OpenedConsole;

    beforeAll(async () => {
      world = await openConsole(store, {}, (own) => ({
        more: (app) => {
          const scope = (req: Request) => /(?:^|; )view=(\w+)/.exec(req.get("cookie") ?? "")?.[1] ?? "";
          const route = { ttlSeconds: 60, vary: ["accept-language"], scope };
          app.get("/worded", own.cacheList("worded", route), (_req, res) => void res.json({}));
        },
      }));
      ({ cache } = world);
      await world.request("/accounts?page=1", { tenant: "acme" });
      await cache.idle();
    });
    afterAll(() => world.close());

    test("a purge is among the causes, with its reason, and no raw name", async () => {
      const reason = "<b>wrong price</b>";
      const purge = { scope: "modules", tenant: "acme", names: "accounts", reason };
      assert.equal((await world.purge("admin", purge)).answer.status, 200);
      const { body } = await world.get("admin", "causes?module=accounts");
      assert.match(body, /<td>operator<\/td>/);
      assert.match(body, /<td>&lt;b&gt;wrong price&lt;\/b&gt;<\/td>/);
      assert.doesNotMatch(body, /<td>ada<\/td>/);
    });

    test("explain names the verdict, and refuses what is another tenant's", async () => {
      const { status, body } = await world.get("admin", "explain?tenant=acme&url=%2Faccounts%3Fpage%3D1");
      assert.equal(status, 200, body);
      assert.match(body, /<div role="status"><h2>miss: fenced by module accounts \(operator, /);
      for (const page of ["explain?url=%2Faccounts&tenant=globex", "causes?tenant=globex", "causes?tenant=*"])
        assert.equal((await world.get("admin", page)).status, 403, page);
      const wrong = await world.get("admin", "explain?tenant=acme&url=nonsense");
      assert.equal(wrong.status, 422);
    });

    test("explain takes the headers that the answer depends on, and keeps them out of URLs", async () => {
      const headers = { "accept-language": "de", cookie: "a=1; view=mine" };
      const explain = (lines: string) =>
        world.post("admin", "explain", { tenant: "acme", url: "/worded", headers: lines });
      const asked = "accept-language: de\r\nCookie: view=mine\r\n";
      assert.match((await explain(asked)).body, /<h2>miss: cold<\/h2>/);
      await world.request("/worded", { tenant: "acme", headers });
      await cache.idle();
      const { body } = await explain(asked);
      assert.match(body, /<h2>hit<\/h2>/);
      assert.match(body, /varies by<\/th><td>accept-language<\/td>/);
      assert.match(body, /<textarea[^>]*>accept-language: de\r\nCookie: view=mine/);
      assert.match(body, /<form method="post" action="explain"/);
      for (const others of ["accept-language: fr\ncookie: view=mine", "cookie: view=mine"])
        assert.match((await explain(others)).body, /<h2>miss: cold<\/h2>/);
      assert.match((await explain("accept-language: de")).body, /fwd=bypass; detail=scope/);
      const wrong = await explain("no header");
      assert.deepEqual([wrong.status, /in a line of its own/.test(wrong.body)], [422, true]);
    });

    test("explain knows its app before any request has missed", async () => {
      const own = await openConsole(store);
      const { status, body } = await own.get("admin", "explain?tenant=acme&url=%2Faccounts");
      await own.close();
      assert.equal(status, 200);
      assert.match(body, /<h2>miss: cold<\/h2>/);
    });
  });
}
