// `touched` over real HTTP: what code below the routes has changed is invalidated before the answer of its request is released.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { Queue, Worker } from "bullmq";
import type { Request, Response } from "express";
import { Redis } from "ioredis";
import { projectFile } from "../../../project-root.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { TenantCache, TenantCacheError } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate, type HttpApp, serve } from "../support/http-app.js";

type Handler = (req: Request, res: Response) => unknown;

for (const store of STORES) {
  describe(`touched with the ${store} store`, () => {
    let cache: TenantCache;
    let app: HttpApp;
    const warnings: string[] = [];
    /** The truth, of a database that can roll back. */
    let committed = 0;
    let write: Handler = () => undefined;

    beforeAll(async () => {
      const logger = {
        info: () => undefined,
        warn: (line: string) => warnings.push(line),
        error: (line: string) => warnings.push(line),
      };
      cache = await openCache(store, { logger });
      app = await serve((express) => {
        express.get("/orders", cache.cacheList("orders", 180), (_req, res) => res.json({ committed }));
        express.get(
          "/order/:id",
          cache.cacheList("details", { tags: (req) => [`order-${req.params.id}`] }),
          (_req, res) => res.json({ committed }),
        );
        express.post("/unmounted", (req, res) => write(req, res));
        express.get("/written-by-get", cache.invalidateTouched(), (req, res) => write(req, res));
        express.post("/named", cache.invalidateCache("customers"), (req, res) => write(req, res));
        express.use(cache.invalidateTouched());
        express.post("/write", (req, res) => write(req, res));
        express.post("/both", cache.invalidateCache("customers"), (req, res) => write(req, res));
      });
    });
    afterAll(async () => {
      await app.close();
      await cache.close();
    });
    beforeEach(async () => {
      await cache.invalidateAllTenant("tenant-1");
      await cache.invalidateAllTenant("tenant-2");
      warnings.length = 0;
    });

    const read = async (path: string, tenant = "tenant-1") => {
      const answer = await app.request(path, { tenant });
      return { committed: JSON.parse(answer.body).committed as number, cache: answer.cache };
    };
    const post = (path: string, tenant = "tenant-1") => app.request(path, { method: "POST", tenant });
    const warm = async (path: string, tenant = "tenant-1") => {
      await read(path, tenant);
      assert.equal((await read(path, tenant)).cache, "hit");
    };
    /** As an ORM does: the hook hears of the row before COMMIT. */
    const transact = (hook: () => unknown, end: "commit" | "roll back" = "commit") =>
      cache.transaction(async () => {
        await hook();
        await new Promise(setImmediate);
        if (end === "roll back") throw new Error("refused by a constraint");
        committed++;
      });

    for (const path of ["/write", "/named", "/both"]) {
      test(`${path}: the next read sees the change, of this tenant`, async () => {
        await warm("/orders");
        await warm("/orders", "tenant-2");
        write = async (_req, res) => {
          await transact(() => assert.equal(cache.touched("orders"), undefined));
          res.status(201).json({});
        };
        assert.equal((await post(path)).status, 201);
        assert.deepEqual(await read("/orders"), { committed, cache: "fwd=miss; stored" });
        assert.equal((await read("/orders", "tenant-2")).cache, "hit");
      });
    }

    test("the answer waits for the fences", async () => {
      await warm("/orders");
      write = (_req, res) => {
        committed++;
        cache.touched("orders");
        res.json({});
      };
      for (let time = 0; time < 10; time++) {
        await post("/write");
        assert.equal((await read("/orders")).committed, committed);
        await warm("/orders");
      }
    });

    test("a hook before COMMIT: a read between the two does not outlive it", async () => {
      await warm("/orders");
      const isTouched = gate();
      const mayCommit = gate();
      write = async (_req, res) => {
        // No transaction() around it: the request's answer is what it waits for.
        cache.touched("orders");
        isTouched.open();
        await mayCommit.passed;
        committed++;
        res.json({});
      };
      const writing = post("/write");
      await isTouched.passed;
      await read("/orders");
      mayCommit.open();
      await writing;
      assert.equal((await read("/orders")).committed, committed);
    });

    test("an answer in parts: what is committed behind its first part is covered by its end", async () => {
      await warm("/orders");
      const hasBegun = gate();
      write = async (_req, res) => {
        cache.touched("orders");
        res.write("begun");
        await once(res, "drain");
        hasBegun.open();
        await read("/orders");
        await new Promise(setImmediate);
        committed++;
        res.end("ended");
      };
      const { body } = await post("/write");
      assert.equal(body, "begunended");
      assert.equal((await read("/orders")).committed, committed);
    });

    test("tags: everything that carries one, and the module", async () => {
      for (const path of ["/orders", "/order/1", "/order/2"]) await warm(path);
      write = (_req, res) => {
        cache.touched("orders", "order-1");
        res.json({});
      };
      await post("/write");
      assert.equal((await read("/order/2")).cache, "hit");
      for (const path of ["/orders", "/order/1"]) assert.match((await read(path)).cache, /miss/, path);
      write = (_req, res) => {
        cache.touched({ tags: ["order-2"] });
        res.json({});
      };
      await warm("/orders");
      await post("/write");
      assert.equal((await read("/orders")).cache, "hit");
      assert.match((await read("/order/2")).cache, /miss/);
    });

    test("another tenant's data, from a request of this one's", async () => {
      await warm("/orders");
      await warm("/orders", "tenant-2");
      write = (_req, res) => {
        cache.touched({ tenant: "tenant-2", modules: ["orders"] });
        res.json({});
      };
      await post("/write");
      assert.equal((await read("/orders")).cache, "hit");
      assert.match((await read("/orders", "tenant-2")).cache, /miss/);
    });

    test("a transaction that rolls back invalidates nothing, also one within another that commits", async () => {
      await warm("/orders");
      await warm("/order/1");
      write = async (_req, res) => {
        await assert.rejects(transact(() => cache.touched("orders"), "roll back"));
        await transact(async () => {
          cache.touched({ tags: ["order-1"] });
          await assert.rejects(transact(() => cache.touched("orders"), "roll back"));
        });
        res.json({});
      };
      await post("/write");
      assert.equal((await read("/orders")).cache, "hit");
      assert.match((await read("/order/1")).cache, /miss/);
    });

    test("a connection that is lost at COMMIT may have committed", async () => {
      await warm("/orders");
      write = async (_req, res) => {
        const lost = Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
        const work = cache.transaction(async () => {
          cache.touched("orders");
          committed++;
          throw new Error("the ORM's own words", { cause: lost });
        });
        await assert.rejects(work, /own words/);
        res.status(500).json({});
      };
      await post("/write");
      assert.equal((await read("/orders")).committed, committed);
    });

    test("a 4xx, an answer that is never ended, and a handler that throws: what was touched is invalidated", async () => {
      for (const [answer, status] of [
        [(res: Response) => res.status(409).json({}), 409],
        [(res: Response) => res.destroy(), 0],
        [() => assert.fail("thrown"), 500],
      ] as const) {
        await warm("/orders");
        write = (_req, res) => {
          cache.touched("orders");
          committed++;
          answer(res);
        };
        const answered = await post("/write").catch(() => ({ status: 0 }));
        assert.equal(answered.status, status);
        await cache.idle();
        for (let last = await read("/orders"); last.committed !== committed; last = await read("/orders"))
          assert.equal(status, 0, "its end is known, so the next read sees it");
      }
    });

    test("touched behind the answer: invalidated at once, told once", async () => {
      const touched: (Promise<boolean> | undefined)[] = [];
      for (let time = 0; time < 2; time++) {
        await warm("/orders");
        const isDone = gate();
        write = async (_req, res) => {
          res.json({});
          await once(res, "finish");
          committed++;
          touched.push(cache.touched("orders"));
          isDone.open();
        };
        await post("/write");
        await isDone.passed;
        assert.equal(await touched.at(-1), true);
        assert.equal((await read("/orders")).committed, committed);
      }
      assert.equal(warnings.filter((line) => line.includes("touched was called when the answer")).length, 1);
    });

    test("a job, a GET and a route without the middleware: it is a promise, and the tenant is given", async () => {
      await warm("/orders");
      const job = cache.touched({ tenant: "tenant-1", modules: ["orders"] });
      assert.equal(await job, true);
      assert.match((await read("/orders")).cache, /miss/);

      const outcomes: unknown[] = [];
      for (const [method, path] of [
        ["GET", "/written-by-get"],
        ["POST", "/unmounted"],
      ] as const) {
        await warm("/orders");
        write = async (_req, res) => {
          outcomes.push(await cache.touched({ tenant: "tenant-1", modules: ["orders"] }));
          assert.throws(() => cache.touched("orders"), { code: "ETC_TENANT_ID" });
          res.json({});
        };
        assert.equal((await app.request(path, { method, tenant: "tenant-1" })).status, 200);
        assert.match((await read("/orders")).cache, /miss/);
      }
      assert.deepEqual(outcomes, [true, true]);
    });

    test("a job's transaction: nothing before its COMMIT, all of it once it resolves", async () => {
      await warm("/orders");
      await cache.transaction(async () => {
        assert.equal(cache.touched({ tenant: "tenant-1", modules: ["orders"] }), undefined);
        assert.equal((await read("/orders")).cache, "hit");
      });
      assert.match((await read("/orders")).cache, /miss/);
    });

    test("a job of a tenant: its hooks need not name it", async () => {
      for (const path of ["/orders", "/order/1"]) await warm(path);
      await warm("/orders", "tenant-2");
      const job = async () => {
        await transact(() => cache.touched("orders"));
        cache.touched({ tags: ["order-1"] });
        await assert.rejects(
          transact(() => cache.touched({ tenant: "tenant-2", modules: ["orders"] }), "roll back"),
        );
        return "done";
      };
      assert.equal(await cache.asTenant("tenant-1", job), "done");
      for (const path of ["/orders", "/order/1"]) assert.match((await read(path)).cache, /miss/, path);
      assert.equal((await read("/orders", "tenant-2")).cache, "hit");
    });

    test("work that begins when it is awaited, as a query builder does", async () => {
      for (const run of [
        (work: () => PromiseLike<string>) => cache.asTenant("tenant-1", work),
        (work: () => PromiseLike<string>) => cache.asTenant("tenant-1", () => cache.transaction(work)),
      ]) {
        await warm("/orders");
        const builder: PromiseLike<string> = {
          // biome-ignore lint/suspicious/noThenProperty: it is what a query builder is
          then: (resolve, reject) => {
            cache.touched("orders");
            return Promise.resolve("rows").then(resolve, reject);
          },
        };
        assert.equal(await run(() => builder), "rows");
        assert.match((await read("/orders")).cache, /miss/);
      }
    });

    test("a job that fails has changed what it had committed before", async () => {
      await warm("/orders");
      const job = async () => {
        committed++;
        // A hook that nobody waits for.
        void cache.touched("orders");
        throw new Error("later");
      };
      await assert.rejects(cache.asTenant("tenant-1", job), /later/);
      assert.equal((await read("/orders")).committed, committed);
    });

    test("a request without a tenant is told once, and one that names it is served", async () => {
      write = (_req, res) => {
        assert.equal(cache.touched("orders"), undefined);
        cache.touched({ tenant: "tenant-1", modules: ["orders"] });
        res.json({});
      };
      await warm("/orders");
      for (let time = 0; time < 2; time++) assert.equal((await post("/write", "")).status, 200);
      assert.match((await read("/orders")).cache, /miss/);
      assert.equal(warnings.filter((line) => line.includes("its request has no tenant")).length, 1);
    });

    test("requests side by side keep their touches apart", async () => {
      for (const tenant of ["tenant-1", "tenant-2"]) await warm("/orders", tenant);
      const both = gate();
      let waiting = 0;
      write = async (req, res) => {
        if (++waiting === 2) both.open();
        await both.passed;
        if (req.get("x-tenant") === "tenant-1") cache.touched("orders");
        res.json({});
      };
      await Promise.all([post("/write"), post("/write", "tenant-2")]);
      assert.match((await read("/orders")).cache, /miss/);
      assert.equal((await read("/orders", "tenant-2")).cache, "hit");
    });
  });
}

describe("docs/use/writes.md", () => {
  const page = readFileSync(projectFile("docs", "use", "writes.md"), "utf8");
  const folder = projectFile("docs", "examples", "orm");
  for (const name of [...readdirSync(folder)])
    test(`shows ${name}`, () => {
      const [, code = ""] = /^\/\/ [^\n]*\n(.*)$/s.exec(readFileSync(path.join(folder, name), "utf8")) ?? [];
      assert.ok(page.includes(`\`\`\`js\n${code.trim()}\n\`\`\``));
    });
});

test("the recipe for BullMQ: a job's hooks need not name its tenant", async () => {
  const recipe = await import(pathToFileURL(projectFile("docs", "examples", "orm", "bullmq.js")).href);
  const cache = await openCache("redis");
  const connection = new Redis(await sharedRedisUrl(), { maxRetriesPerRequest: null });
  const name = `orders-${randomUUID()}`;
  const queue = new Queue(name, { connection });
  let touched: Promise<boolean> | undefined;
  const work = async () => {
    touched = cache.touched("orders");
  };
  const worker = new Worker(name, recipe.touchedByJob(cache, work), { connection });
  const hasRun = once(worker, "completed");
  await queue.add("import", { tenantId: "acme" });
  await hasRun;
  assert.equal(await touched, true);
  await worker.close();
  await queue.obliterate();
  await queue.close();
  connection.disconnect();
  await cache.close();
});

describe("calls of touched that are refused", () => {
  let cache: TenantCache;
  beforeAll(async () => {
    cache = await openCache("memory");
  });
  afterAll(() => cache.close());

  const refused: [name: string, call: () => unknown, code: TenantCacheError["code"], words: RegExp][] = [
    ["no module", () => Reflect.apply(cache.touched, cache, []), "ETC_MODULE_NAME", /touched/],
    ["a wrong module", () => cache.touched("Orders"), "ETC_MODULE_NAME", /"orders"/],
    ["a wrong tag", () => cache.touched("orders", "a b"), "ETC_TAG", /"a-b"/],
    ["nothing in it", () => cache.touched({ tenant: "t" }), "ETC_OPTIONS", /at least one module or tag/],
    [
      "an unknown option",
      () => cache.touched({ tenantId: "t", modules: ["orders"] } as never),
      "ETC_OPTIONS",
      /tenantId/,
    ],
    [
      "both forms",
      () => Reflect.apply(cache.touched, cache, [{ modules: ["orders"] }, "tag"]),
      "ETC_ARGUMENTS",
      /one object/,
    ],
    ["no tenant", () => cache.touched("orders"), "ETC_TENANT_ID", /invalidateTouched\(\)/],
    [
      "a tenant that is none",
      () => cache.touched({ tenant: "a b", modules: ["orders"] }),
      "ETC_TENANT_ID",
      /a b/,
    ],
    [
      "the middleware, not called",
      () => Reflect.apply(cache.invalidateTouched, cache, [{ method: "GET", url: "/", headers: {} }]),
      "ETC_ARGUMENTS",
      /invalidateTouched\(\)/,
    ],
  ];
  for (const [name, call, code, words] of refused)
    test(name, () => {
      assert.throws(call, (error: TenantCacheError) => error.code === code && words.test(error.message));
    });

  test("a transaction without work, or with what it does not take", async () => {
    const work = async () => undefined;
    for (const [args, code] of [
      [[undefined], "ETC_ARGUMENTS"],
      [[work, {}], "ETC_ARGUMENTS"],
    ] as const)
      await assert.rejects(Reflect.apply(cache.transaction, cache, [...args]), { code });
  });

  test("a job without tenant or work, or with more", async () => {
    const work = async () => undefined;
    for (const [args, code] of [
      [[work], "ETC_TENANT_ID"],
      [["a b", work], "ETC_TENANT_ID"],
      [["t"], "ETC_ARGUMENTS"],
      [["t", work, 1], "ETC_ARGUMENTS"],
    ] as const)
      await assert.rejects(Reflect.apply(cache.asTenant, cache, [...args]), { code });
  });
});
