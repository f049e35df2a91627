// Explain and causes in the console: verdicts of the own tenant, purges put on record, nothing of others.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { type ConsoleWorld, consoleWorld, fieldsOf, formOf } from "../support/console-world.js";

for (const store of STORES) {
  describe(`explain and causes in the console, ${store} store`, () => {
    let cache: TenantCache;
    let world: ConsoleWorld;

    beforeAll(async () => {
      cache = await openCache(store);
      world = await consoleWorld(cache);
      await world.request("/accounts?page=1", { tenant: "acme" });
      await cache.idle();
    });
    afterAll(async () => {
      await world.close();
      await cache.close();
    });

    test("a purge is among the causes, with its reason, and no raw name", async () => {
      const { cookie, token } = formOf(await world.get("admin", "purge"));
      const send = (fields: Record<string, string>) =>
        world.request("/ops/cache/purge", {
          method: "POST",
          body: new URLSearchParams(fields),
          headers: { "x-person": "admin", cookie, origin: world.url },
        });
      const reason = "<b>wrong price</b>";
      const dryRun = await send({ token, scope: "modules", tenant: "acme", names: "accounts", reason });
      assert.equal((await send(fieldsOf(dryRun.body))).status, 200);
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
  });
}
