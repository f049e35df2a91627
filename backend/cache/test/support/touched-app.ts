// An app of orders whose mutations say what they change by `touched`, and the truth behind it, which can roll back.
import assert from "node:assert/strict";
import type { Request, Response } from "express";
import { openCache, type StoreName } from "./caches.js";
import { serve } from "./http-app.js";

/** What a mutation's handler does: each test gives its own. */
export type Write = (req: Request, res: Response) => unknown;

export type TouchedApp = Awaited<ReturnType<typeof openTouchedApp>>;

export async function openTouchedApp(store: StoreName) {
  const warnings: string[] = [];
  const tell = (line: string) => void warnings.push(line);
  const cache = await openCache(store, { logger: { info: () => undefined, warn: tell, error: tell } });
  /** `committed` is what is true: how often a change was committed. */
  const orders = { committed: 0, write: (() => undefined) as Write };
  const write: Write = (req, res) => orders.write(req, res);
  const app = await serve((express) => {
    const list = (_req: Request, res: Response) => void res.json({ committed: orders.committed });
    express.get("/orders", cache.cacheList("orders", 180), list);
    express.get(
      "/order/:id",
      cache.cacheList("details", { tags: (req) => [`order-${req.params.id}`] }),
      list,
    );
    express.post("/unmounted", write);
    express.get("/written-by-get", cache.invalidateTouched(), write);
    express.post("/named", cache.invalidateCache("customers"), write);
    express.use(cache.invalidateTouched());
    express.post("/write", write);
    express.post("/both", cache.invalidateCache("customers"), write);
  });
  const read = async (path: string, tenant = "tenant-1") => {
    const answer = await app.request(path, { tenant });
    return { committed: JSON.parse(answer.body).committed as number, cache: answer.cache };
  };
  return Object.assign(orders, {
    cache,
    request: app.request,
    warnings,
    read,
    post: (path: string, tenant = "tenant-1") => app.request(path, { method: "POST", tenant }),
    warm: async (path: string, tenant = "tenant-1") => {
      await read(path, tenant);
      assert.equal((await read(path, tenant)).cache, "hit");
    },
    /** As an ORM does: the hook hears of the row before COMMIT. */
    transact: (hook: () => unknown, end: "commit" | "roll back" = "commit") =>
      cache.transaction(async () => {
        await hook();
        await new Promise(setImmediate);
        if (end === "roll back") throw new Error("refused by a constraint");
        orders.committed++;
      }),
    /** Nothing is cached, and nothing was told. */
    async reset() {
      await cache.invalidateAllTenant("tenant-1");
      await cache.invalidateAllTenant("tenant-2");
      warnings.length = 0;
    },
    async close() {
      await app.close();
      await cache.close();
    },
  });
}
