// An app whose handlers are written by each test, behind routes that name nothing; and what its answers were.
import type pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import type { FeedOptions } from "../../src/feed/index.js";
import type { CacheListOptions, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { type FeedDatabaseForTest, openFeedDatabase } from "./feed-database.js";
import { serve } from "./http-app.js";
import { untilHit } from "./until-hit.js";

export interface Answer {
  /** Of `Cache-Status`. */
  readonly status: string;
  readonly body: string;
}

export interface AutoApp extends FeedDatabaseForTest {
  readonly cache: TenantCache;
  /** What answers `/name`: what it returns is sent as JSON. */
  handle(name: string, handler: Handler): void;
  /** A handler that sends rows of this statement; `$1` is the tenant. */
  select(name: string, sql: string, ...values: unknown[]): void;
  read(name: string, tenant?: string): Promise<Answer>;
  /** Until a hit. */
  warm(name: string, tenant?: string): Promise<Answer>;
  /** Until the drain has been there, so that what is storable is stored. */
  awake(): Promise<void>;
}

export type Handler = (request: {
  readonly pool: pg.Pool;
  readonly tenant: string;
  /** Sends a part of the answer. */
  write(text: string): void;
}) => Promise<unknown>;

export interface AutoAppOptions {
  readonly store?: StoreName;
  readonly feed?: Partial<FeedOptions>;
  readonly cache?: Partial<TenantCacheOptions>;
  readonly route?: CacheListOptions;
  /** In the place of the usual tables. */
  readonly schema?: string;
  /** What else is made, before the cache and the drain look at the catalogue for the first time. */
  readonly more?: string;
  readonly beside?: FeedDatabaseForTest;
  /** What handlers read through; default the feed's own pool. */
  readonly pool?: (url: string) => Promise<pg.Pool> | pg.Pool;
}

/** Until the test that is under way has ended. */
export async function openAutoApp(options: AutoAppOptions = {}): Promise<AutoApp> {
  const { store = "memory", route } = options;
  const database =
    options.beside ??
    (await openFeedDatabase({ probeMs: 0, verifyMs: 200, ...options.feed }, options.schema));
  if (options.more !== undefined) await database.pool.query(options.more);
  const cache = await openCache(store, { feed: database.feed, ...options.cache });
  const pool = (await options.pool?.(database.url)) ?? database.pool;
  cache.track(pool);
  const handlers = new Map<string, Handler>();
  const app = await serve((express) => {
    const list = cache.cacheList("pages", { ttlSeconds: 600, dependsOn: "auto", ...route });
    express.get("/:name", list, async (req, res) => {
      const tenant = req.get("x-tenant") ?? "";
      const write = (text: string) => void res.write(text);
      const answer = await handlers.get(String(req.params.name))?.({ pool, tenant, write });
      if (res.headersSent) res.end(JSON.stringify(answer));
      else res.json(answer);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const read = async (name: string, tenant = "t1"): Promise<Answer> => {
    const answer = await app.request(`/${name}`, { tenant });
    await cache.idle();
    return { status: answer.cache, body: answer.body };
  };
  const warm = (name: string, tenant?: string) => untilHit(name, () => read(name, tenant));
  const handle = (name: string, handler: Handler) => void handlers.set(name, handler);
  const select = (name: string, sql: string, ...values: unknown[]) =>
    handle(name, async ({ pool: its, tenant }) => {
      const given = sql.includes("$1") ? [tenant, ...values] : values;
      return (await its.query(sql, given)).rows;
    });
  const awake = async () => {
    select("awake", "SELECT id FROM accounts WHERE tenant_id = $1");
    await warm("awake");
  };
  return { ...database, cache, handle, select, read, warm, awake };
}
