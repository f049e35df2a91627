// `touched` over real HTTP: what code below the routes has changed is invalidated before the answer of its request is released.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import type { Response } from "express";
import { STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import { openTouchedApp, type TouchedApp } from "../support/touched-app.js";

for (const store of STORES) {
  describe(`touched with the ${store} store`, () => {
    let orders: TouchedApp;
    beforeAll(async () => {
      orders = await openTouchedApp(store);
    });
    afterAll(() => orders.close());
    beforeEach(() => orders.reset());

    for (const path of ["/write", "/named", "/both"]) {
      test(`${path}: the next read sees the change, of this tenant`, async () => {
        await orders.warm("/orders");
        await orders.warm("/orders", "tenant-2");
        orders.write = async (_req, res) => {
          await orders.transact(() => assert.equal(orders.cache.touched("orders"), undefined));
          res.status(201).json({});
        };
        assert.equal((await orders.post(path)).status, 201);
        assert.deepEqual(await orders.read("/orders"), {
          committed: orders.committed,
          cache: "fwd=miss; stored",
        });
        assert.equal((await orders.read("/orders", "tenant-2")).cache, "hit");
      });
    }

    test("the answer waits for the fences", async () => {
      await orders.warm("/orders");
      orders.write = (_req, res) => {
        orders.committed++;
        orders.cache.touched("orders");
        res.json({});
      };
      for (let time = 0; time < 10; time++) {
        await orders.post("/write");
        assert.equal((await orders.read("/orders")).committed, orders.committed);
        await orders.warm("/orders");
      }
    });

    test("a hook before COMMIT: a read between the two does not outlive it", async () => {
      await orders.warm("/orders");
      const isTouched = gate();
      const mayCommit = gate();
      orders.write = async (_req, res) => {
        // No transaction() around it: the request's answer is what it waits for.
        orders.cache.touched("orders");
        isTouched.open();
        await mayCommit.passed;
        orders.committed++;
        res.json({});
      };
      const writing = orders.post("/write");
      await isTouched.passed;
      await orders.read("/orders");
      mayCommit.open();
      await writing;
      assert.equal((await orders.read("/orders")).committed, orders.committed);
    });

    test("an answer in parts: what is committed behind its first part is covered by its end", async () => {
      await orders.warm("/orders");
      const hasBegun = gate();
      orders.write = async (_req, res) => {
        orders.cache.touched("orders");
        res.write("begun");
        await once(res, "drain");
        hasBegun.open();
        await orders.read("/orders");
        await new Promise(setImmediate);
        orders.committed++;
        res.end("ended");
      };
      const { body } = await orders.post("/write");
      assert.equal(body, "begunended");
      assert.equal((await orders.read("/orders")).committed, orders.committed);
    });

    test("tags: everything that carries one, and the module", async () => {
      for (const path of ["/orders", "/order/1", "/order/2"]) await orders.warm(path);
      orders.write = (_req, res) => {
        orders.cache.touched("orders", "order-1");
        res.json({});
      };
      await orders.post("/write");
      assert.equal((await orders.read("/order/2")).cache, "hit");
      for (const path of ["/orders", "/order/1"]) assert.match((await orders.read(path)).cache, /miss/, path);
      orders.write = (_req, res) => {
        orders.cache.touched({ tags: ["order-2"] });
        res.json({});
      };
      await orders.warm("/orders");
      await orders.post("/write");
      assert.equal((await orders.read("/orders")).cache, "hit");
      assert.match((await orders.read("/order/2")).cache, /miss/);
    });

    test("another tenant's data, from a request of this one's", async () => {
      await orders.warm("/orders");
      await orders.warm("/orders", "tenant-2");
      orders.write = (_req, res) => {
        orders.cache.touched({ tenant: "tenant-2", modules: ["orders"] });
        res.json({});
      };
      await orders.post("/write");
      assert.equal((await orders.read("/orders")).cache, "hit");
      assert.match((await orders.read("/orders", "tenant-2")).cache, /miss/);
    });

    test("a transaction that rolls back invalidates nothing, also one within another that commits", async () => {
      await orders.warm("/orders");
      await orders.warm("/order/1");
      orders.write = async (_req, res) => {
        await assert.rejects(orders.transact(() => orders.cache.touched("orders"), "roll back"));
        await orders.transact(async () => {
          orders.cache.touched({ tags: ["order-1"] });
          await assert.rejects(orders.transact(() => orders.cache.touched("orders"), "roll back"));
        });
        res.json({});
      };
      await orders.post("/write");
      assert.equal((await orders.read("/orders")).cache, "hit");
      assert.match((await orders.read("/order/1")).cache, /miss/);
    });

    test("a connection that is lost at COMMIT may have committed", async () => {
      await orders.warm("/orders");
      orders.write = async (_req, res) => {
        const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
        const work = orders.cache.transaction(async () => {
          orders.cache.touched("orders");
          orders.committed++;
          throw new Error("the ORM's own words", { cause: lost });
        });
        await assert.rejects(work, /own words/);
        res.status(500).json({});
      };
      await orders.post("/write");
      assert.equal((await orders.read("/orders")).committed, orders.committed);
    });

    test("a 4xx, an answer that is never ended, and a handler that throws: what was touched is invalidated", async () => {
      for (const [answer, status] of [
        [(res: Response) => res.status(409).json({}), 409],
        [(res: Response) => res.destroy(), 0],
        [() => assert.fail("thrown"), 500],
      ] as const) {
        await orders.warm("/orders");
        orders.write = (_req, res) => {
          orders.cache.touched("orders");
          orders.committed++;
          answer(res);
        };
        const answered = await orders.post("/write").catch(() => ({ status: 0 }));
        assert.equal(answered.status, status);
        await orders.cache.idle();
        for (
          let last = await orders.read("/orders");
          last.committed !== orders.committed;
          last = await orders.read("/orders")
        )
          assert.equal(status, 0, "its end is known, so the next read sees it");
      }
    });

    test("touched behind the answer: invalidated at once, told once", async () => {
      const touched: (Promise<boolean> | undefined)[] = [];
      for (let time = 0; time < 2; time++) {
        await orders.warm("/orders");
        const isDone = gate();
        orders.write = async (_req, res) => {
          res.json({});
          await once(res, "finish");
          orders.committed++;
          touched.push(orders.cache.touched("orders"));
          isDone.open();
        };
        await orders.post("/write");
        await isDone.passed;
        assert.equal(await touched.at(-1), true);
        assert.equal((await orders.read("/orders")).committed, orders.committed);
      }
      assert.equal(
        orders.warnings.filter((line) => line.includes("touched was called when the answer")).length,
        1,
      );
    });

    test("a request without a tenant is told once, and one that names it is served", async () => {
      orders.write = (_req, res) => {
        assert.equal(orders.cache.touched("orders"), undefined);
        orders.cache.touched({ tenant: "tenant-1", modules: ["orders"] });
        res.json({});
      };
      await orders.warm("/orders");
      for (let time = 0; time < 2; time++) assert.equal((await orders.post("/write", "")).status, 200);
      assert.match((await orders.read("/orders")).cache, /miss/);
      assert.equal(orders.warnings.filter((line) => line.includes("its request has no tenant")).length, 1);
    });

    test("requests side by side keep their touches apart", async () => {
      for (const tenant of ["tenant-1", "tenant-2"]) await orders.warm("/orders", tenant);
      const both = gate();
      let waiting = 0;
      orders.write = async (req, res) => {
        if (++waiting === 2) both.open();
        await both.passed;
        if (req.get("x-tenant") === "tenant-1") orders.cache.touched("orders");
        res.json({});
      };
      await Promise.all([orders.post("/write"), orders.post("/write", "tenant-2")]);
      assert.match((await orders.read("/orders")).cache, /miss/);
      assert.equal((await orders.read("/orders", "tenant-2")).cache, "hit");
    });
  });
}
