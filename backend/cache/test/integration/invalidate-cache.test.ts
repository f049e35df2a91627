// `invalidateCache` over real HTTP: whoever has received the answer to a mutation never reads the state before it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Request, Response } from "express";
import type { TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

for (const store of STORES) {
  describe(`invalidateCache with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    /** The truth: one version a module, and how often it was read. */
    let versions: Record<string, number> = {};
    let reads: Record<string, number> = {};
    let mutation: (req: Request, res: Response) => unknown = () => undefined;
    let beforeReading: () => unknown = () => undefined;
    let afterReading: () => unknown = () => undefined;

    beforeAll(async () => {
      cache = await openCache(store);
      app = await serve((express) => {
        const list = (module: string) => async (_req: Request, res: Response) => {
          reads[module] = (reads[module] ?? 0) + 1;
          await beforeReading();
          const version = versions[module] ?? 0;
          await afterReading();
          res.json({ version });
        };
        for (const module of ["accounts", "leads", "contacts"]) {
          const dependsOn = module === "contacts" ? ["accounts"] : [];
          express.get(`/${module}`, cache.cacheList(module, { ttlSeconds: 180, dependsOn }), list(module));
        }
        express.get(
          "/tagged/:tag",
          cache.cacheList("leads", { tags: (req) => [String(req.params.tag)] }),
          list("tagged"),
        );
        express.get("/settling", cache.cacheList("leads", { settleMs: 60_000 }), list("settling"));
        express.all("/one", cache.invalidateCache("accounts"), (req, res) => mutation(req, res));
        express.post("/two", cache.invalidateCache("accounts", "leads"), (req, res) => mutation(req, res));
        express.post("/tag", cache.invalidateCache({ tags: () => ["vip"] }), (req, res) =>
          mutation(req, res),
        );
        express.post("/guarded", cache.invalidateCache({ modules: ["accounts"], guard: true }), (req, res) =>
          mutation(req, res),
        );
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });

    async function reset(): Promise<void> {
      await cache.invalidateAllTenant("tenant-1");
      versions = {};
      reads = {};
      beforeReading = () => undefined;
      afterReading = () => undefined;
      mutation = (_req, res) => {
        versions.accounts = (versions.accounts ?? 0) + 1;
        res.status(201).json({});
      };
    }
    const read = async (path: string, tenant = "tenant-1") => {
      const answer = await app.request(path, { tenant });
      return { version: JSON.parse(answer.body).version as number, cache: answer.cache };
    };
    const warm = async (...paths: string[]) => {
      for (const path of paths) await read(path);
      for (const path of paths) assert.equal((await read(path)).cache, "hit");
    };

    test("the next read sees the change; other modules and other tenants keep their entries", async () => {
      await reset();
      await warm("/accounts", "/leads");
      await read("/accounts", "tenant-2");
      await app.request("/one", { method: "POST" });
      assert.deepEqual(await read("/accounts"), { version: 1, cache: "fwd=miss; stored" });
      assert.equal((await read("/leads")).cache, "hit");
      assert.equal((await read("/accounts", "tenant-2")).cache, "hit");
    });

    test("a read that was under way when the change was acknowledged stores nothing", async () => {
      await reset();
      const hasRead = gate();
      const mayAnswer = gate();
      afterReading = () => {
        hasRead.open();
        return mayAnswer.passed;
      };
      const slow = read("/accounts");
      await hasRead.passed;
      afterReading = () => undefined;
      await app.request("/one", { method: "POST" });
      const fresh = await read("/accounts");
      assert.equal(fresh.version, 1, "does not follow the older fill either");
      mayAnswer.open();
      assert.equal((await slow).version, 0, "the slow read began before the change");
      await cache.idle();
      assert.deepEqual(await read("/accounts"), { version: 1, cache: "hit" });
    });

    test("several modules at once, and lists that depend on one of them", async () => {
      await reset();
      await warm("/accounts", "/leads", "/contacts");
      await app.request("/two", { method: "POST" });
      for (const path of ["/accounts", "/leads", "/contacts"])
        assert.notEqual((await read(path)).cache, "hit", path);
    });

    test("tags reach exactly what carries them", async () => {
      await reset();
      await warm("/tagged/vip", "/tagged/other");
      await app.request("/tag", { method: "POST" });
      assert.notEqual((await read("/tagged/vip")).cache, "hit");
      assert.equal((await read("/tagged/other")).cache, "hit");
      await cache.invalidateTags("tenant-1", "other");
      assert.notEqual((await read("/tagged/other")).cache, "hit");
    });

    test("4xx and safe methods leave entries; other statuses, also 5xx and 3xx, do not", async () => {
      const survives: [method: string, status: number, survives: boolean][] = [
        ["POST", 400, true],
        ["POST", 409, true],
        ["GET", 200, true],
        ["POST", 500, false],
        ["PUT", 303, false],
        ["DELETE", 204, false],
      ];
      for (const [method, status, expected] of survives) {
        await reset();
        await warm("/accounts");
        mutation = (_req, res) => res.status(status).end();
        await app.request("/one", { method });
        assert.equal((await read("/accounts")).cache === "hit", expected, `${method} ${status}`);
      }
    });

    test("a handler that throws after it wrote invalidates", async () => {
      await reset();
      await warm("/accounts");
      mutation = () => {
        versions.accounts = 7;
        throw new Error("after the commit");
      };
      assert.equal((await app.request("/one", { method: "POST" })).status, 500);
      assert.equal((await read("/accounts")).version, 7);
    });

    test("a client that has gone does not keep its mutation from invalidating", async () => {
      await reset();
      await warm("/accounts");
      const handled = gate();
      mutation = async (req, res) => {
        const gone = once(res, "close");
        client.destroy();
        await gone;
        assert.equal(req.method, "POST");
        versions.accounts = 8;
        res.json({});
        handled.open();
      };
      const client = httpRequest(`${app.url}/one`, { method: "POST", headers: { "x-tenant": "tenant-1" } });
      client.on("error", () => undefined);
      client.end();
      await handled.passed;
      await cache.idle();
      while ((await cache.stats()).store.pendingSweeps > 0) await cache.idle();
      assert.equal((await read("/accounts")).version, 8);
    });

    test("an answer written in parts is held back whole, and what changes before its end is covered", async () => {
      await reset();
      await warm("/accounts");
      mutation = async (_req, res) => {
        versions.accounts = 1;
        res.writeHead(200, { "Content-Length": "6" });
        assert.equal(res.write("one"), false);
        await once(res, "drain");
        // The client has half of the answer: it reads, and what it reads is stored.
        assert.equal((await read("/accounts")).version, 1);
        versions.accounts = 2;
        res.end("two");
      };
      const answer = await app.request("/one", { method: "POST" });
      assert.equal(answer.body, "onetwo");
      assert.equal((await read("/accounts")).version, 2);
    });

    test("nothing of the answer is sent before the fence is set", async () => {
      await reset();
      await warm("/accounts");
      const seen: string[] = [];
      mutation = (_req, res) => {
        versions.accounts = 3;
        const write = res.socket?.write.bind(res.socket);
        assert.ok(write && res.socket);
        res.socket.write = ((...args: Parameters<typeof write>) => {
          seen.push("answer");
          return write(...args);
        }) as typeof write;
        res.json({});
        seen.push("handler done");
      };
      await app.request("/one", { method: "POST" });
      assert.deepEqual(seen.slice(0, 2), ["handler done", "answer"]);
      assert.equal((await read("/accounts")).version, 3);
    });

    test("fills that begin soon after a change are not stored where the route says that it settles", async () => {
      await reset();
      assert.equal((await read("/settling")).cache, "fwd=miss; detail=settling");
      assert.equal((await read("/settling")).cache, "fwd=miss; detail=settling");
      assert.equal(reads.settling, 2);
    });

    test("guard: while the write is under way reads go to the handler and store nothing", async () => {
      await reset();
      await warm("/accounts");
      const writing = gate();
      const mayEnd = gate();
      mutation = async (_req, res) => {
        writing.open();
        await mayEnd.passed;
        versions.accounts = 5;
        res.json({});
      };
      const write = app.request("/guarded", { method: "POST" });
      await writing.passed;
      for (let round = 0; round < 2; round++) {
        assert.deepEqual(await read("/accounts"), { version: 0, cache: "fwd=bypass; detail=write-pending" });
      }
      mayEnd.open();
      await write;
      assert.deepEqual(await read("/accounts"), { version: 5, cache: "fwd=miss; stored" });
      assert.equal((await read("/accounts")).cache, "hit");
    });

    test("guard: a client that has gone does not end the guard of a handler that is still at work", async () => {
      await reset();
      const closed = gate();
      const mayEnd = gate();
      const ended = gate();
      mutation = async (_req, res) => {
        res.once("close", () => closed.open());
        client.destroy();
        await mayEnd.passed;
        versions.accounts = 6;
        res.json({});
        ended.open();
      };
      const client = httpRequest(`${app.url}/guarded`, {
        method: "POST",
        headers: { "x-tenant": "tenant-1" },
      });
      client.on("error", () => undefined);
      client.end();
      await closed.passed;
      assert.equal((await read("/accounts")).cache, "fwd=bypass; detail=write-pending");
      mayEnd.open();
      await ended.passed;
      while ((await read("/accounts")).cache !== "hit") await new Promise(setImmediate);
      assert.deepEqual(await read("/accounts"), { version: 6, cache: "hit" });
    });

    test("jobs invalidate a module, or all that a tenant has", async () => {
      await reset();
      await warm("/accounts", "/leads");
      assert.equal(await cache.invalidateTenantCache("tenant-1", "accounts"), true);
      assert.notEqual((await read("/accounts")).cache, "hit");
      assert.equal((await read("/leads")).cache, "hit");
      await cache.invalidateAllTenant("tenant-1");
      for (const path of ["/accounts", "/leads"]) assert.notEqual((await read(path)).cache, "hit");
    });

    test("what was invalidated is swept out of the store, and nothing else", async () => {
      await reset();
      await warm("/accounts", "/leads");
      await cache.idle();
      await app.request("/one", { method: "POST" });
      await cache.idle();
      const { modules } = await cache.stats({ tenantId: "tenant-1" });
      assert.equal(modules.accounts?.entries, 0);
      assert.equal(modules.leads?.entries, 1);
    });
  });
}
