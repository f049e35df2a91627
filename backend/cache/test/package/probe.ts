// Runs in the project of a user: is told the library and Express, prints what a cached route does. Imports types alone.
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type expressModule from "express";
import type * as library from "../../src/index.js";

/** One request of the probe. */
export interface Seen {
  readonly request: string;
  readonly cache: string | null;
  /** How often the handler of the list has run by then. */
  readonly handlerRuns: number;
  readonly body: unknown;
}

/** Prints the requests as one line of JSON. Redis is used where `PROBE_REDIS_URL` is set. */
export async function probe(
  { createTenantCache }: typeof library,
  express: typeof expressModule,
): Promise<void> {
  const cache = createTenantCache({
    redis: process.env.PROBE_REDIS_URL || undefined,
    keyPrefix: process.env.PROBE_KEY_PREFIX ?? "",
    tenant: (req) => req.get("x-tenant"),
    // A busy machine is no store that is away.
    budgetMs: 10_000,
  });
  if (!(await cache.ready(10_000))) throw new Error("the store did not become ready");

  const names: Record<string, string[]> = { acme: ["Example Ltd"], other: [] };
  let handlerRuns = 0;
  const app = express();
  app.get("/accounts", cache.cacheList("accounts", 180), (req, res) => {
    handlerRuns += 1;
    res.json(names[req.get("x-tenant") ?? ""]);
  });
  app.post("/accounts", cache.invalidateCache("accounts"), (req, res) => {
    names[req.get("x-tenant") ?? ""]?.push("New Ltd");
    res.sendStatus(201);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/accounts`;

  const seen: Seen[] = [];
  for (const request of [
    "GET acme",
    "GET acme",
    "GET other",
    "POST acme",
    "GET acme",
    "GET acme",
    "GET other",
  ]) {
    const [method = "", tenant = ""] = request.split(" ");
    const response = await fetch(url, { method, headers: { "x-tenant": tenant } });
    const text = await response.text();
    // A miss is answered before its entry is stored.
    await cache.idle();
    const status = response.headers.get("cache-status");
    seen.push({
      request,
      cache: status?.replace("express-tenant-cache; ", "").replace(/; ttl=\d+$/, "") ?? null,
      handlerRuns,
      body: method === "GET" ? JSON.parse(text) : text,
    });
  }
  server.closeAllConnections();
  server.close();
  await cache.close();
  console.log(JSON.stringify(seen));
}
