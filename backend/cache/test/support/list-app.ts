// An app with cached lists whose handler each test chooses, and a count of how often it ran.
import createExpress, { type Express, type Request, type RequestHandler, type Response } from "express";
import type { CacheListOptions, TenantCache } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";
import { type HttpApp, serve } from "./http-app.js";

export type Answer = (req: Request, res: Response) => unknown;

export interface ListApp extends HttpApp {
  readonly cache: TenantCache;
  readonly express: Express;
  /** Handler runs since the last {@link ListApp.handle}. */
  readonly runs: number;
  /** Answers so from now on and forgets earlier runs; each test uses a path of its own. */
  handle(answer: Answer): void;
}

const LIMITS = { maxBodyBytes: 10_000, maxEntriesPerModule: 20 };

/**
 * `/list/…` for 180 seconds, and a path for each of `routes`, behind middleware that gives every request an id, a cookie and a
 * `Vary`, as real apps do.
 */
export async function openListApp(
  store: StoreName,
  routes: Readonly<Record<string, CacheListOptions>> = {},
): Promise<ListApp> {
  const cache = await openCache(store, LIMITS);
  let runs = 0;
  let handler: Answer = () => undefined;
  const run: RequestHandler = (req, res) => {
    runs++;
    return handler(req, res) as ReturnType<RequestHandler>;
  };
  const express = createExpress();
  const mount = () => {
    express.use((_req, res, next) => {
      res.set("X-Request-Id", String(Math.random()));
      res.append("Set-Cookie", "session=of-this-request");
      res.vary("Origin");
      next();
    });
    express.all("/list{/*rest}", cache.cacheList("accounts", 180), run);
    for (const [path, options] of Object.entries(routes))
      express.get(path, cache.cacheList("accounts", options), run);
  };
  const app = await serve(mount, () => express);
  return {
    ...app,
    cache,
    express,
    get runs() {
      return runs;
    },
    handle(answer) {
      handler = answer;
      runs = 0;
    },
    async close() {
      await app.close();
      await cache.close();
    },
  };
}
