// Who has changed what is told, where transactions, jobs and requests are within each other.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { openCache, STORES } from "../support/caches.js";
import { serve } from "../support/http-app.js";

for (const store of STORES) {
  test(`because is known through transactions, jobs and requests, whatever is around what (${store})`, async () => {
    const cache = await openCache(store);
    closeAfterTest(cache);
    const touch = (module: string) => async () =>
      void (await cache.touched({ tenant: "tenant-1", modules: [module] }));
    const job = (name: string, work: () => Promise<void>) => cache.because({ job: name }, work);
    await cache.transaction(() => job("in a transaction", touch("m1")));
    await job("around a transaction", () => cache.transaction(touch("m2")));
    await cache.asTenant("tenant-1", () => cache.transaction(() => job("in both", touch("m3"))));
    await cache.transaction(async () => {
      await job("one of two", touch("m4"));
      await job("two of two", touch("m5"));
      await job("one of two", touch("m6"));
    });
    const app = await serve((app) => {
      app.post("/orders", cache.invalidateTouched(), async (_req, res) => {
        await job("in a request", touch("m7"));
        await touch("m8")();
        res.json({});
      });
    });
    try {
      assert.equal((await app.request("/orders", { method: "POST" })).status, 200);
    } finally {
      await app.close();
    }
    const causes = await cache.causes({ tenant: "tenant-1" });
    const named = causes.map(({ kind, name, modules }) => [modules.join(" "), kind, name]);
    assert.deepEqual(named.sort(), [
      ["m1", "job", "in a transaction"],
      ["m2", "job", "around a transaction"],
      ["m3", "job", "in both"],
      ["m4 m6", "job", "one of two"],
      ["m5", "job", "two of two"],
      ["m7", "job", "in a request"],
      ["m8", "touched", "POST /orders"],
    ]);
  });
}
