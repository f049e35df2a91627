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

/**
 * Prints the requests as one line of JSON. Redis is used where `PROBE_REDIS_URL` is set, and with `PROBE_STALE` a stale entry
 * is refreshed at the end.
 *
 * @param given options in the place of those that the library finds by itself
 */
export async function probe(
  { createTenantCache }: Pick<typeof library, "createTenantCache">,
  express: typeof expressModule,
  given: Pick<library.TenantCacheOptions, "redis" | "inject"> = {},
): Promise<void> {
  const cache = createTenantCache({
    redis: process.env.PROBE_REDIS_URL || undefined,
    ...given,
    keyPrefix: process.env.PROBE_KEY_PREFIX ?? "",
    tenant: (req) => req.get("x-tenant"),
    // A busy machine is no store that is away.
    budgetMs: 10_000,
  });
  if (!(await cache.ready(60_000))) throw new Error("the store did not become ready");

  const names: Record<string, string[]> = { acme: ["Example Ltd"], other: [] };
  let handlerRuns = 0;
  const app = express();
  app.get("/accounts", cache.cacheList("accounts", 180), (req, res) => {
    handlerRuns += 1;
    res.json(names[req.get("x-tenant") ?? ""]);
  });
  if (process.env.PROBE_STALE) {
    const options = { ttlSeconds: 60, staleWhileRevalidate: 3600 };
    app.get("/stale", cache.cacheList("stale", options), (_req, res) => {
      handlerRuns += 1;
      res.json(handlerRuns);
    });
  }
  app.post("/accounts", cache.invalidateCache("accounts"), (req, res) => {
    names[req.get("x-tenant") ?? ""]?.push("New Ltd");
    res.sendStatus(201);
  });
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const seen: Seen[] = [];
  const ask = async (request: string, path: string) => {
    const [method = "", tenant = ""] = request.split(" ");
    const response = await fetch(origin + path, { method, headers: { "x-tenant": tenant } });
    const text = await response.text();
    // A miss is answered before its entry is stored, a stale entry before it is refreshed.
    await cache.idle();
    const status = response.headers.get("cache-status");
    seen.push({
      request,
      cache: status?.replace("express-tenant-cache; ", "").replace(/; ttl=-?\d+/, "") ?? null,
      handlerRuns,
      body: method === "GET" ? JSON.parse(text) : text,
    });
  };
  for (const request of [
    "GET acme",
    "GET acme",
    "GET other",
    "POST acme",
    "GET acme",
    "GET acme",
    "GET other",
  ])
    await ask(request, "/accounts");
  if (process.env.PROBE_STALE) {
    await ask("GET acme", "/stale");
    // Entries age by this clock: nothing depends on how long the requests take.
    const { now } = Date;
    Date.now = () => now() + 61_000;
    for (let asked = 0; asked < 2; asked++) await ask("GET acme", "/stale");
  }
  server.closeAllConnections();
  server.close();
  await cache.close();
  console.log(JSON.stringify(seen));
}
