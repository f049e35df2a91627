// An app with guards, roles, rewrites and several cached routes, served with the lane in front of it or without.
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express, type Request } from "express";
import type { CacheListOptions, LaneIdentity, LaneOptions, TenantCache } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";

interface Session {
  readonly tenant: string;
  readonly user: string;
  readonly role: "admin" | "viewer";
  state: "active" | "expired" | "revoked";
}

/** Of the tokens that requests carry. */
function sessions(): Map<string, Session> {
  return new Map([
    ["anna", { tenant: "tenant-1", user: "anna", role: "admin", state: "active" }],
    ["bert", { tenant: "tenant-1", user: "bert", role: "viewer", state: "active" }],
    ["carl", { tenant: "tenant-2", user: "carl", role: "viewer", state: "active" }],
  ]);
}

export const TOKENS = ["anna", "bert", "carl", "nobody"] as const;

export interface LaneWorld {
  readonly cache: TenantCache;
  readonly port: number;
  readonly sessions: Map<string, Session>;
  /** Requests that reached Express. */
  dispatched(): number;
  close(): Promise<void>;
}

export interface LaneWorldOptions {
  readonly store: StoreName;
  /** Absent: the app alone. */
  readonly lane?: Partial<LaneOptions>;
  readonly maxStaleness?: number;
  readonly configure?: (app: Express) => void;
  /** Further routes, which answer as all others do. */
  readonly routes?: Readonly<Record<string, CacheListOptions>>;
}

export async function openLaneWorld({
  store,
  lane,
  maxStaleness = 0,
  configure,
  routes = {},
}: LaneWorldOptions): Promise<LaneWorld> {
  const known = sessions();
  const sessionOf = (authorization: string | undefined): Session | undefined => {
    const session = known.get(authorization?.replace(/^Bearer /, "") ?? "");
    return session?.state === "active" ? session : undefined;
  };
  const cache = await openCache(store, { tenant: (req) => sessionOf(req.headers.authorization)?.tenant });
  const app = buildApp(cache, sessionOf, maxStaleness, routes, configure);
  let dispatched = 0;
  const counted: Express = Object.assign(
    ((req: never, res: never) => {
      dispatched++;
      app(req, res);
    }) as Express,
    { enabled: (setting: string) => app.enabled(setting) },
  );
  const identify = (req: { headers: { authorization?: string | undefined } }): LaneIdentity | undefined => {
    const session = sessionOf(req.headers.authorization);
    return session && { tenant: session.tenant, scope: session.user };
  };
  const server = createServer(lane ? cache.lane(counted, { identify, ...lane }) : counted);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    cache,
    port: (server.address() as AddressInfo).port,
    sessions: known,
    dispatched: () => dispatched,
    async close() {
      server.closeAllConnections();
      server.close();
      await cache.close();
    },
  };
}

function buildApp(
  cache: TenantCache,
  sessionOf: (authorization: string | undefined) => Session | undefined,
  maxStaleness: number,
  routes: Readonly<Record<string, CacheListOptions>>,
  configure: ((app: Express) => void) | undefined,
): Express {
  const app = express();
  configure?.(app);
  const versions = new Map<string, number>();
  const session = (req: Request) => sessionOf(req.headers.authorization);
  const answer = (req: Request) => {
    const { tenant = "", user } = session(req) ?? {};
    const asked = { tenant, user, version: versions.get(tenant) ?? 0, query: req.query, path: req.path };
    return { ...asked, language: req.get("accept-language"), filler: "x".repeat(2000) };
  };
  app.use((req, res, next) => {
    if (session(req)) next();
    else res.status(401).json({ error: "who are you?" });
  });
  // A host of its own, with other answers.
  app.use((req, res, next) => {
    if (req.headers.host === "other.example") res.status(421).send("not here");
    else next();
  });
  app.use((req, _res, next) => {
    if (req.url === "/rewritten")
      req.url = req.headers["accept-language"] === "de" ? "/items?lang=de" : "/items";
    next();
  });
  app.get("/items", cache.cacheList("items", { ttlSeconds: 600, maxStaleness }), (req, res) => {
    res.set("X-Items", ["a", "b"]).json(answer(req));
  });
  app.get(
    "/items/:id",
    cache.cacheList("items", { tags: (req) => [`item-${req.params.id}`] }),
    (req, res) => {
      res
        .type("text")
        .set("Last-Modified", new Date().toUTCString())
        .send(`item ${req.params.id} ${JSON.stringify(answer(req))}`);
    },
  );
  for (const [path, options] of Object.entries(routes))
    app.get(path, cache.cacheList("items", options), (req, res) => void res.json(answer(req)));
  const mounted = express.Router();
  mounted.get("/", cache.cacheList("items"), (req, res) => {
    res.json(answer(req));
  });
  app.use("/mounted", mounted);
  const perUser = { scope: (req: Request) => session(req)?.user ?? "" };
  app.get("/mine", cache.cacheList("mine", perUser), (req, res) => {
    res.json({ mine: session(req)?.user, ...answer(req) });
  });
  app.get("/translated", cache.cacheList("translated", { vary: ["Accept-Language"] }), (req, res) => {
    res.vary("Accept-Language").json(answer(req));
  });
  app.get("/obedient", cache.cacheList("items", { obeyRequest: true }), (req, res) => {
    res.json(answer(req));
  });
  const adminsOnly = (req: Request, res: express.Response, next: express.NextFunction) => {
    if (session(req)?.role === "admin") next();
    else res.status(403).json({ error: "admins only" });
  };
  app.get("/secrets", adminsOnly, cache.cacheList("secrets"), (req, res) => {
    res.json({ secret: true, ...answer(req) });
  });
  app.get("/cookies", cache.cacheList("items"), (req, res) => {
    res.cookie("seen", "1").json(answer(req));
  });
  app.head("/headed", (_req, res) => {
    res.set("X-Head", "own").end();
  });
  app.get("/headed", cache.cacheList("items"), (req, res) => {
    res.json(answer(req));
  });
  app.post("/items", cache.invalidateCache("items", "mine", "translated", "secrets"), (req, res) => {
    const { tenant = "" } = session(req) ?? {};
    versions.set(tenant, (versions.get(tenant) ?? 0) + 1);
    res.status(201).json({ version: versions.get(tenant) });
  });
  return app;
}
