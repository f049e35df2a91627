// Routes of every kind, and requests to them, for tests that hold explanations against what is answered.
import { request as httpRequest } from "node:http";
import express, { type Express, type Request } from "express";
import { afterTest } from "../../../servers/in-test.js";
import type { CacheListOptions, Explanation, TenantCacheOptions } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { serve } from "./http-app.js";

const user = (req: Request) => req.get("x-user") ?? "";
const odd = (value: unknown) => value as never;

/** By the first part of the path; `/<route>/<id>`. */
export const ROUTES: Readonly<Record<string, CacheListOptions>> = {
  plain: {},
  depends: { dependsOn: ["plain"] },
  scoped: { scope: user },
  "scoped-by-nothing": { scope: (req) => odd(req.get("x-user") === "ada" ? "ada" : undefined) },
  "scoped-later": { scope: odd(async () => "ada") },
  tagged: { tags: (req) => [`tag-${req.params.id}`] },
  "tagged-by-answer": { tags: (req, _answer) => [`tag-${req.params.id}`] },
  "tagged-in-scope": { tags: (req) => [`tag-${req.params.id}`], scope: user },
  params: { params: ["page"] },
  ignoring: { ignoreParams: ["utm_*", "page"] },
  "by-query": {
    query: ({ query }) => (query.page === "x" ? undefined : { page: Number(query.page ?? 1) }),
  },
  varied: { vary: ["accept-language"] },
  "varied-by": { varyBy: (req) => odd(req.get("x-user") === "odd" ? "odd" : { user: user(req) }) },
  disabled: { enabled: false },
  skipping: { skip: ({ query }) => query.page !== undefined },
  obeying: { obeyRequest: true },
  "obeying-stale": { obeyRequest: true, ttlSeconds: 1, staleWhileRevalidate: 60 },
  settling: { settleMs: 60_000 },
  short: { ttlSeconds: 1 },
  refreshed: { ttlSeconds: 1, staleWhileRevalidate: 60 },
  lasting: { ttlSeconds: 1, staleIfError: 60 },
  known: { maxStaleness: 60_000 },
  relative: { authority: "ignore" },
  named: { authority: ["api.example.com"] },
  searching: { methods: ["POST"] },
  "searching-tagged": { methods: ["POST"], tags: (req) => [`tag-${req.params.id}`], scope: user },
  "searching-little": { methods: ["POST"], body: { maxBytes: 12 } },
  "no-store": {},
  private: {},
  "private-scoped": { scope: user, privateResponses: "scope" },
  "set-cookie": {},
  "not-found": {},
  "found-or-not": { statuses: [200, 404] },
  "varies-undeclared": {},
  "for-no-time": { ttlSeconds: () => 0 },
  "not-to-store": { shouldStore: () => false },
  "too-large": { maxBodyBytes: 4 },
  streamed: {},
  "streamed-too-large": { maxBodyBytes: 4 },
  "streamed-not-to-store": { shouldStore: () => false },
};

/** Nobody can say of an answer that was never seen that it is not one to be stored. */
export const UNSTORABLE: ReadonlySet<string> = new Set([
  ...["no-store", "private", "set-cookie", "not-found", "varies-undeclared", "for-no-time"],
  ...["not-to-store", "too-large", "streamed", "streamed-too-large", "streamed-not-to-store"],
]);

export interface Asking {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** Opens all routes; `hold` holds their handlers up while it is there. */
export async function openExplainedRoutes(
  store: StoreName,
  options: Partial<TenantCacheOptions> = {},
  more: Readonly<Record<string, CacheListOptions>> = {},
) {
  const tenant = (req: Request) =>
    odd(req.get("x-tenant") === "later" ? Promise.resolve("a") : req.get("x-tenant"));
  const cache = await openCache(store, { tenant, ...options });
  const world = {
    runs: 0,
    isFailing: false,
    app: undefined as Express | undefined,
    hold: undefined as Promise<void> | undefined,
  };
  const app = await serve((server) => {
    world.app = server;
    server.use(express.json(), express.text());
    server.use(
      "/routed",
      cache.routes({
        module: ({ originalUrl }) => (originalUrl.endsWith("/nameless") ? undefined : "routed"),
        except: ["/excepted"],
      }),
    );
    for (const [name, route] of Object.entries({ ...ROUTES, ...more })) {
      server.all(`/${name}/:id`, cache.cacheList(name, route), async (_req, res) => {
        world.runs++;
        await world.hold;
        if (world.isFailing) return void res.status(503).json({});
        if (name.startsWith("streamed")) {
          res.write("[1");
          return void setImmediate(() => res.end(", 2, 3]"));
        }
        if (name === "no-store") res.setHeader("Cache-Control", "no-store");
        if (name.startsWith("private")) res.setHeader("Cache-Control", "private, max-age=60");
        if (name === "set-cookie") res.setHeader("Set-Cookie", "a=1");
        if (name === "varies-undeclared") res.setHeader("Vary", "x-else");
        if (name === "not-found" || name === "found-or-not") res.status(404);
        res.json({ name, run: world.runs });
      });
      server.patch(`/${name}`, cache.invalidateCache(name), (_req, res) => void res.sendStatus(204));
    }
    server.get("/routed/*path", (_req, res) => {
      world.runs++;
      res.json({});
    });
    const guarded = { modules: ["plain", "tagged"], guard: true };
    server.put("/plain", cache.invalidateCache(guarded), async (_req, res) => {
      await world.hold;
      res.sendStatus(204);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const host = app.url.slice("http://".length);
  return {
    ...app,
    cache,
    world,
    host,
    /** `Cache-Status` without the cache's name, and without what a second may change; empty where there is none. */
    ask: async (asking: Asking) =>
      withoutTtl((await sent(app.url, asking)).replace("express-tenant-cache; ", "")),
    explain: ({ headers, ...asking }: Asking): Promise<Explanation> =>
      cache.explain({ app: world.app as Express, ...asking, headers: { host, ...headers } }),
  };
}

export function withoutTtl(status: string | null): string {
  return (status ?? "").replace(/; ttl=-?\d+$/, "");
}

function sent(origin: string, { url, method, headers, body }: Asking): Promise<string> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    const request = httpRequest(origin + url, { method, headers: { ...headers, ...length } }, (response) => {
      response.resume().on("end", () => resolve(String(response.headers["cache-status"] ?? "")));
    });
    request.on("error", reject).end(body);
  });
}
