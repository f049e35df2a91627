// The application of a user of an ORM whose routes name nothing: what handlers read through it is seen.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express from "express";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import { createFeed } from "express-tenant-cache/feed";
import pg from "pg";

/** What a test asks an ORM for. */
export interface ReadOrders {
  list(tenant: string): Promise<unknown>;
  joined(tenant: string): Promise<unknown>;
  transacted(tenant: string): Promise<unknown>;
  everybody(): Promise<unknown>;
  create(tenant: string, title: string): Promise<unknown>;
}

/** Listens, and sends its port. */
export async function serveReads(
  open: (cache: TenantCache, databaseUrl: string) => Promise<ReadOrders>,
): Promise<void> {
  const url = String(process.env.DATABASE_URL);
  const database = new pg.Pool({ connectionString: url });
  const own = { tenant: "tenant_id" };
  const feed = createFeed({ database, tables: { accounts: own, orders: own }, probeMs: 0 });
  await feed.install();
  const cache = createTenantCache({ tenant: (req) => req.get("x-tenant"), feed });
  const orders = await open(cache, url);
  const app = express();
  app.use(cache.routes({ dependsOn: "auto" }));
  for (const name of ["list", "joined", "transacted", "everybody"] as const)
    app.get(`/${name}`, async (req, res) => {
      res.json(await orders[name](String(req.get("x-tenant"))));
    });
  // A GET that writes.
  app.get("/visit", async (req, res) => {
    await orders.create(String(req.get("x-tenant")), "visited");
    res.json(await orders.list(String(req.get("x-tenant"))));
  });
  process.on("message", () => process.exit(0));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  process.send?.((server.address() as AddressInfo).port);
}
