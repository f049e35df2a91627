// The application of a user of an ORM: cached orders, mutations that do not name what they invalidate, and a job.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import { createTenantCache, type TenantCache } from "express-tenant-cache";

/** What a test asks an ORM for. */
export interface Orders {
  list(): Promise<readonly { readonly title: string }[]>;
  create(title: string): Promise<unknown>;
  rename(from: string, to: string): Promise<unknown>;
  remove(title: string): Promise<unknown>;
  /** Both titles in one transaction, which rolls back where `fail` is true. */
  createTwo(one: string, other: string, fail: boolean): Promise<unknown>;
}

/** Listens, and writes its port to standard output. */
export async function serveOrders(
  open: (cache: TenantCache, databaseUrl: string) => Promise<Orders>,
): Promise<void> {
  const cache = createTenantCache({ tenant: (req) => req.get("x-tenant") });
  const orders = await open(cache, String(process.env.DATABASE_URL));
  const app = express();
  app.use(express.json());
  app.get("/orders", cache.cacheList("orders", 180), async (_req, res) => {
    res.json((await orders.list()).map(({ title }) => title).sort());
  });
  app.post("/job", (_req, res) => {
    // Not in the request's context any more.
    queue.push(() => cache.asTenant("acme", () => orders.create("by a job")));
    res.sendStatus(202);
  });
  app.use(cache.invalidateTouched());
  app.post("/orders", async (req, res) => {
    await orders.create(req.body.title);
    res.sendStatus(201);
  });
  app.put("/orders/:title", async (req, res) => {
    await orders.rename(req.params.title, req.body.title);
    res.sendStatus(204);
  });
  app.delete("/orders/:title", async (req, res) => {
    await orders.remove(req.params.title);
    res.sendStatus(204);
  });
  app.post("/two", async (req, res) => {
    const failed = await orders.createTwo(req.body.one, req.body.other, req.body.fail).then(
      () => false,
      () => true,
    );
    res.json({ failed });
  });
  const queue: (() => Promise<unknown>)[] = [];
  process.on("message", async (what) => {
    if (what !== "work") return process.exit(0);
    for (const job of queue.splice(0)) await job();
    process.send?.("worked");
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.((server.address() as AddressInfo).port);
}
