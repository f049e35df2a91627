// An app that reads orders of a tenant from PostgreSQL, cached, with a feed; and what its answers were.
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import type { Feed, FeedOptions } from "../../src/feed/index.js";
import type { TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { type FeedDatabaseForTest, openFeedDatabase } from "./feed-database.js";
import { serve } from "./http-app.js";
import { untilHit } from "./until-hit.js";

export interface Read {
  readonly status: string;
  readonly body: string;
}

export interface FeedApp extends FeedDatabaseForTest {
  readonly feed: Feed;
  readonly cache: TenantCache;
  /** GET of a path below `/`, as a tenant. */
  read(path: string, tenant?: string): Promise<Read>;
  /** Until a hit: the token is there, and the entry stored. */
  warm(path: string, tenant?: string): Promise<Read>;
  /** PUT of the total of an order, which `invalidateCache` covers. */
  write(id: number, total: number, tenant?: string): Promise<void>;
  close(): Promise<void>;
}

export interface FeedAppOptions {
  readonly store: StoreName;
  readonly feed?: Partial<FeedOptions>;
  readonly cache?: Partial<TenantCacheOptions>;
  /** Another process of the same app. */
  readonly beside?: FeedDatabaseForTest;
  /** Called between a handler's query and its answer. */
  readonly held?: () => Promise<void>;
}

/** Has something written past the API, until that is fenced. */
export async function untilFenced(
  { cache }: Pick<FeedApp, "cache">,
  write: () => Promise<unknown>,
): Promise<void> {
  const count = async () => (await cache.stats({ sizes: false })).feed?.fenced ?? 0;
  const before = await count();
  await write();
  await until("it is fenced", async () => (await count()) > before);
}

/** Until the test that is under way has ended. */
export async function openFeedApp({
  store,
  feed,
  cache: options,
  beside,
  held,
}: FeedAppOptions): Promise<FeedApp> {
  const database = beside ?? (await openFeedDatabase({ probeMs: 0, ...feed }));
  const { pool } = database;
  const cache = await openCache(store, { feed: database.feed, ...options });
  const app = await serve((express) => {
    const list = (module: string) => cache.cacheList(module, { ttlSeconds: 600 });
    const tags = (req: { params: Record<string, unknown> }) => [`accounts-${req.params.id}`];
    const rows = async (sql: string, ...values: unknown[]) => {
      const { rows } = await pool.query(sql, values);
      await held?.();
      return rows;
    };
    express.get("/orders", list("orders"), async (req, res) => {
      res.json(
        await rows("SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY id", req.get("x-tenant")),
      );
    });
    express.put("/orders/:id/:total", cache.invalidateCache("orders"), async (req, res) => {
      await pool.query("UPDATE orders SET total = $2 WHERE id = $1", [req.params.id, req.params.total]);
      res.sendStatus(204);
    });
    express.get("/rates", list("rates"), async (_req, res) => {
      res.json(await rows("SELECT * FROM rates ORDER BY id"));
    });
    express.get("/names/:id", cache.cacheList("names", { tags, dependsOn: ["rates"] }), async (req, res) => {
      res.json(await rows("SELECT name FROM accounts WHERE id = $1", req.params.id));
    });
    express.get("/accounts", list("accounts"), async (req, res) => {
      res.json(
        await rows("SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id", req.get("x-tenant")),
      );
    });
    express.get("/free", list("free"), (_req, res) => void res.json({}));
  });
  let isOpen = true;
  const close = async () => {
    if (!isOpen) return;
    isOpen = false;
    await app.close();
    await cache.close();
  };
  afterTest(close);
  const request = async (method: string, path: string, tenant: string): Promise<Read> => {
    const answer = await app.request(path, { method, tenant });
    await cache.idle();
    return { status: answer.cache, body: answer.body };
  };
  const read = (path: string, tenant = "t1") => request("GET", path, tenant);
  return {
    ...database,
    cache,
    read,
    warm: (path, tenant) => untilHit(path, () => read(path, tenant)),
    write: async (id, total, tenant = "t1") => void (await request("PUT", `/orders/${id}/${total}`, tenant)),
    close,
  };
}
