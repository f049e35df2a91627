// A Redis with what two tenants have stored, for tests of the command line.
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import type { TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache } from "./caches.js";
import { type HttpApp, serve } from "./http-app.js";

export interface FilledRedis {
  readonly cache: TenantCache;
  readonly app: HttpApp;
  close(): Promise<void>;
}

/** The command line's variables for it. */
export interface FilledServer extends FilledRedis {
  readonly server: RedisServer;
  readonly env: NodeJS.ProcessEnv;
}

/** A server of the test's own, which is filled. */
export async function startFilledRedis(keyPrefix: string): Promise<FilledServer> {
  const server = await startRedisServer();
  const filled = await fillRedis(server.url, keyPrefix);
  return {
    ...filled,
    server,
    env: { REDIS_CACHE_URL: server.url, CACHE_KEY_PREFIX: keyPrefix },
    close: async () => {
      await filled.close();
      await server.stop();
    },
  };
}

/** `acme` has five pages of accounts and its leads, `globex` one page of accounts, after a mutation. */
export async function fillRedis(redis: TenantCacheOptions["redis"], keyPrefix: string): Promise<FilledRedis> {
  const cache = await openCache("redis", { redis, keyPrefix, local: { maxBytes: 0 } });
  const app = await serve((express) => {
    for (const name of ["accounts", "leads"]) {
      express.get(`/${name}`, cache.cacheList(name, 180), (_req, res) => void res.json("x".repeat(500)));
      express.post(`/${name}`, cache.invalidateCache(name), (_req, res) => void res.sendStatus(204));
    }
  });
  for (let page = 0; page < 5; page++) await app.request(`/accounts?page=${page}`, { tenant: "acme" });
  await app.request("/leads", { tenant: "acme" });
  await app.request("/accounts", {
    tenant: "globex",
    method: "POST",
    headers: { "x-request-id": "request-7" },
  });
  await app.request("/accounts?page=0", { tenant: "globex" });
  await cache.idle();
  return {
    cache,
    app,
    close: async () => {
      await app.close();
      await cache.close();
    },
  };
}
