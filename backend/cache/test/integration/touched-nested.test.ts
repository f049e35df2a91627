// `touched` where the client has gone, in transactions and jobs within each other, and in requests that a handler makes of its own app.
import assert from "node:assert/strict";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import { askOffSocket } from "../support/off-socket.js";
import { openTouchedApp, type TouchedApp } from "../support/touched-app.js";

for (const store of STORES) {
  describe(`touched with the ${store} store`, () => {
    let orders: TouchedApp;
    beforeAll(async () => {
      orders = await openTouchedApp(store);
    });
    afterAll(() => orders.close());
    beforeEach(() => orders.reset());

    test("the client is gone before anything is touched: invalidated at once and once more at the end, without a word", async () => {
      await orders.warm("/orders");
      const [hasCome, isGone, isDone] = [gate(), gate(), gate()];
      orders.write = async (_req, res) => {
        res.once("close", () => isGone.open());
        hasCome.open();
        await isGone.passed;
        // As a hook before COMMIT does: somebody reads, and keeps, the state from before it.
        assert.equal(await orders.cache.touched("orders"), true);
        await orders.warm("/orders");
        orders.committed++;
        res.json({});
        await orders.cache.idle();
        isDone.open();
      };
      const leaves = new AbortController();
      const asked = orders.request("/write", { method: "POST", tenant: "tenant-1", signal: leaves.signal });
      await hasCome.passed;
      leaves.abort();
      await assert.rejects(asked);
      await isDone.passed;
      await until("the next read sees it", async () => {
        return (await orders.read("/orders")).committed === orders.committed;
      });
      assert.deepEqual(orders.warnings, []);
    });

    test("the client goes while a transaction is open: what it touches counts once that has committed", async () => {
      await orders.warm("/orders");
      const [hasCome, isGone, isDone] = [gate(), gate(), gate()];
      orders.write = async (_req, res) => {
        res.once("close", () => isGone.open());
        await orders.transact(async () => {
          orders.cache.touched("orders");
          hasCome.open();
          await isGone.passed;
          await orders.warm("/orders");
        });
        isDone.open();
      };
      const leaves = new AbortController();
      const asked = orders.request("/write", { method: "POST", tenant: "tenant-1", signal: leaves.signal });
      await hasCome.passed;
      leaves.abort();
      await assert.rejects(asked);
      await isDone.passed;
      assert.equal((await orders.read("/orders")).committed, orders.committed);
      assert.deepEqual(orders.warnings, []);
    });

    test("nested: transactions in transactions and jobs in requests, each of its own tenant, together with the answer", async () => {
      const warm = async () => {
        for (const tenant of ["tenant-1", "tenant-2"]) await orders.warm("/orders", tenant);
      };
      await warm();
      orders.write = async (_req, res) => {
        await orders.transact(async () => {
          await orders.cache.asTenant("tenant-2", () =>
            orders.transact(() => orders.cache.touched("orders")),
          );
          await orders.transact(() => orders.cache.touched("orders"));
          await warm();
        });
        await warm();
        res.json({});
      };
      await orders.post("/write");
      for (const tenant of ["tenant-1", "tenant-2"])
        assert.match((await orders.read("/orders", tenant)).cache, /miss/, tenant);
    });

    test("a request that a handler makes of its own app touches for itself, whatever its method", async () => {
      for (const method of ["POST", "GET"]) {
        for (const tenant of ["tenant-1", "tenant-2"]) await orders.warm("/orders", tenant);
        const inner: (string | undefined)[] = [];
        orders.write = async (req, res) => {
          if (req.get("x-tenant") === "tenant-2") {
            try {
              orders.cache.touched("orders");
            } catch (error) {
              inner.push((error as { code?: string }).code);
            }
            res.json({});
            return;
          }
          const headers = { "x-tenant": "tenant-2" };
          await askOffSocket(orders.app, { method, url: "/either", headers });
          res.json({});
        };
        await orders.post("/either");
        assert.equal((await orders.read("/orders", "tenant-1")).cache, "hit", "nothing of it was touched");
        const other = (await orders.read("/orders", "tenant-2")).cache;
        // A GET changes nothing of its own accord: it names the tenant.
        if (method === "GET") assert.deepEqual([other, inner], ["hit", ["ETC_TENANT_ID"]]);
        else assert.match(other, /miss/);
      }
    });
  });
}
