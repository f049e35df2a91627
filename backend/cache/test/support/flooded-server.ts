// A process whose routes depend on everything that a request can say, behind a lane, and which tells what it still holds once all is collected.
// Run it with `--expose-gc`. `FLOODED_REDIS_URL`: the store; else in process.
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Request } from "express";
import { createTenantCache } from "../../src/index.js";
import { quiet, READY_WITHIN_MS } from "./caches.js";

export interface FloodedServerReady {
  readonly port: number;
}
/** Bytes in use, entries of the in-process store aside. */
export interface Held {
  readonly bytes: number;
}

/** Of a cookie, as careless code cuts it out: V8 keeps all of a header for a part of it. */
const tenantOf = (headers: IncomingHttpHeaders) =>
  headers.cookie?.startsWith("t=") ? headers.cookie.slice(2).split(";")[0] : String(headers["x-tenant"]);

const cache = createTenantCache({
  redis: process.env.FLOODED_REDIS_URL,
  // Entries have bounds of their own; these are about what is kept beside them.
  memory: { maxBytes: 256 * 1024 },
  local: { maxBytes: 256 * 1024 },
  tenant: (req) => tenantOf(req.headers),
  budgetMs: 5000,
  logger: quiet,
});
if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("the store is not reachable");
const app = express();
app.set("trust proxy", true);
const answer = (req: Request, res: express.Response) => {
  res.set("X-Echo", (req.get("x-echo") ?? "").slice(0, 1000)).send("x".repeat(1100));
};
const named = (name: string) => (req: Request) => req.get(name) ?? "nobody";
app.get("/list", cache.cacheList("list", { maxStaleness: 60_000 }), answer);
app.get("/known", cache.cacheList("known", { params: ["page"] }), answer);
app.get("/varied", cache.cacheList("varied", { vary: ["X-Version"] }), answer);
app.get("/scoped", cache.cacheList("scoped", { scope: named("x-role") }), answer);
app.get("/tagged", cache.cacheList("tagged", { tags: (req) => named("x-tags")(req).split(",") }), answer);
app.get("/said", cache.cacheList("said"), (req, res) => res.set("Vary", named("x-vary")(req)).send("x"));
app.get("/unstorable", cache.cacheList("unstorable"), (_req, res) =>
  res.set("Cache-Control", "no-store").send("x"),
);
app.post("/list", cache.invalidateCache("list"), (_req, res) => res.sendStatus(204));
const lane = cache.lane(app, {
  identify: ({ headers }) => ({
    tenant: String(headers["x-tenant"]),
    scope: String(headers["x-role"] ?? ""),
  }),
});
const server = createServer(lane).listen(0, "127.0.0.1");
await once(server, "listening");

process.on("message", async () => {
  await cache.idle();
  // Weak references are cleared by one collection and what they held by the next.
  for (let time = 0; time < 3; time++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { heapUsed, external } = process.memoryUsage();
  process.send?.({ bytes: heapUsed + external } satisfies Held);
});
process.send?.({ port: (server.address() as AddressInfo).port } satisfies FloodedServerReady);
