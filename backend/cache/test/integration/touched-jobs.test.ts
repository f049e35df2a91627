// `touched` where no request's answer waits for it: jobs, their transactions, and routes without the middleware.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { STORES } from "../support/caches.js";
import { openTouchedApp, type TouchedApp } from "../support/touched-app.js";

for (const store of STORES) {
  describe(`touched outside of a request with the ${store} store`, () => {
    let orders: TouchedApp;
    beforeAll(async () => {
      orders = await openTouchedApp(store);
    });
    afterAll(() => orders.close());
    beforeEach(() => orders.reset());

    test("a job, a GET and a route without the middleware: it is a promise, and the tenant is given", async () => {
      await orders.warm("/orders");
      const job = orders.cache.touched({ tenant: "tenant-1", modules: ["orders"] });
      assert.equal(await job, true);
      assert.match((await orders.read("/orders")).cache, /miss/);

      const outcomes: unknown[] = [];
      for (const [method, path] of [
        ["GET", "/written-by-get"],
        ["POST", "/unmounted"],
      ] as const) {
        await orders.warm("/orders");
        orders.write = async (_req, res) => {
          outcomes.push(await orders.cache.touched({ tenant: "tenant-1", modules: ["orders"] }));
          assert.throws(() => orders.cache.touched("orders"), { code: "ETC_TENANT_ID" });
          res.json({});
        };
        assert.equal((await orders.request(path, { method, tenant: "tenant-1" })).status, 200);
        assert.match((await orders.read("/orders")).cache, /miss/);
      }
      assert.deepEqual(outcomes, [true, true]);
    });

    test("a job's transaction: nothing before its COMMIT, all of it once it resolves", async () => {
      await orders.warm("/orders");
      await orders.cache.transaction(async () => {
        assert.equal(orders.cache.touched({ tenant: "tenant-1", modules: ["orders"] }), undefined);
        assert.equal((await orders.read("/orders")).cache, "hit");
      });
      assert.match((await orders.read("/orders")).cache, /miss/);
    });

    test("a job of a tenant: its hooks need not name it", async () => {
      for (const path of ["/orders", "/order/1"]) await orders.warm(path);
      await orders.warm("/orders", "tenant-2");
      const job = async () => {
        await orders.transact(() => orders.cache.touched("orders"));
        orders.cache.touched({ tags: ["order-1"] });
        await assert.rejects(
          orders.transact(
            () => orders.cache.touched({ tenant: "tenant-2", modules: ["orders"] }),
            "roll back",
          ),
        );
        return "done";
      };
      assert.equal(await orders.cache.asTenant("tenant-1", job), "done");
      for (const path of ["/orders", "/order/1"]) assert.match((await orders.read(path)).cache, /miss/, path);
      assert.equal((await orders.read("/orders", "tenant-2")).cache, "hit");
    });

    test("work that begins when it is awaited, as a query builder does", async () => {
      for (const run of [
        (work: () => PromiseLike<string>) => orders.cache.asTenant("tenant-1", work),
        (work: () => PromiseLike<string>) =>
          orders.cache.asTenant("tenant-1", () => orders.cache.transaction(work)),
      ]) {
        await orders.warm("/orders");
        const builder: PromiseLike<string> = {
          // biome-ignore lint/suspicious/noThenProperty: it is what a query builder is
          then: (resolve, reject) => {
            orders.cache.touched("orders");
            return Promise.resolve("rows").then(resolve, reject);
          },
        };
        assert.equal(await run(() => builder), "rows");
        assert.match((await orders.read("/orders")).cache, /miss/);
      }
    });

    test("a job that fails has changed what it had committed before", async () => {
      await orders.warm("/orders");
      const job = async () => {
        orders.committed++;
        // A hook that nobody waits for.
        void orders.cache.touched("orders");
        throw new Error("later");
      };
      await assert.rejects(orders.cache.asTenant("tenant-1", job), /later/);
      assert.equal((await orders.read("/orders")).committed, orders.committed);
    });
  });
}
