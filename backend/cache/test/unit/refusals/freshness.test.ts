// What is refused about `freshness`: what is no such word, what contradicts it, and stores that lease nothing.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Cluster } from "ioredis";
import { createSentinel } from "redis";
import { afterTest } from "../../../../servers/in-test.js";
import { createFeed } from "../../../src/feed/index.js";
import { createTenantCache, MemoryStore, type TenantCacheOptions } from "../../../src/index.js";
import { quiet } from "../../support/caches.js";
import { serve } from "../../support/http-app.js";
import { any, type Call, testRefusals } from "../../support/refused-calls.js";

const MIB = 1024 * 1024;
/** Nobody listens there. */
const AWAY = "redis://127.0.0.1:1";

const cacheOf = (options: object) => {
  const cache = createTenantCache(any({ tenant: () => "acme", logger: quiet, ...options }));
  afterTest(() => cache.close());
  return cache;
};
const given =
  (options: Partial<TenantCacheOptions> | object): Call =>
  () =>
    cacheOf(options);
const route =
  (options: object, cache: object = { redis: AWAY }): Call =>
  () =>
    cacheOf(cache).cacheList("accounts", any(options));

function cluster(): Cluster {
  const client = new Cluster([{ host: "127.0.0.1", port: 1 }], { lazyConnect: true });
  afterTest(() => client.disconnect());
  return client;
}

/** One whose feed covers `accounts`; nobody asks its database. */
function coveredCache(options: object = {}) {
  const database = { query: () => new Promise<never>(() => undefined) };
  const feed = createFeed({ database, tables: { accounts: { module: "accounts", tenant: "tenant_id" } } });
  return cacheOf({ redis: AWAY, feed, ...options });
}

describe("what is refused about freshness", () => {
  testRefusals("words", [
    [given({ freshness: "fresh" }), 'freshness is "fresh"'],
    [given({ freshness: true }), "freshness is true"],
    [route({ freshness: "lease" }), 'freshness is "lease"'],
    [
      route({ freshness: "leased", maxStaleness: 50 }),
      'freshness is "leased", which is never stale, and maxStaleness is 50',
    ],
    [
      route({ freshness: "strict", maxStaleness: 50 }),
      'freshness is "strict", which is never stale, and maxStaleness is 50',
    ],
  ]);

  testRefusals("what cannot be leased", [
    [
      () => cacheOf({ redis: cluster(), freshness: "leased" }),
      'ETC_LEASED ~ createTenantCache: freshness is "leased", which takes one Redis server',
    ],
    [given({ redis: { cluster: [{ host: "127.0.0.1", port: 1 }] }, freshness: "leased" }), "with a Cluster"],
    [
      given({
        redis: createSentinel({ name: "main", sentinelRootNodes: [{ host: "127.0.0.1", port: 1 }] }),
        freshness: "leased",
      }),
      "node-redis's Sentinel",
    ],
    [
      given({
        store: () =>
          Object.assign(new MemoryStore({ maxBytes: MIB, maxTenantBytes: MIB }), {
            isInProcess: false,
            holdsInMemory: false,
          }),
        freshness: "leased",
      }),
      "a store of your own",
    ],
    [given({ redis: AWAY, local: { maxBytes: 0 }, freshness: "leased" }), "local.maxBytes is 0"],
    [route({ freshness: "leased" }, { redis: AWAY, local: { maxBytes: 0 } }), "cacheList: freshness is"],
    [
      () => cacheOf({ redis: AWAY, local: { maxBytes: 0 } }).routes({ freshness: "leased" }),
      "local.maxBytes is 0",
    ],
    [
      () => coveredCache().routes({ modules: { accounts: { freshness: "leased" } } }),
      'the feed covers "accounts"',
    ],
    [
      () => coveredCache().cacheList("accounts", { freshness: "leased" }),
      'ETC_LEASED ~ cacheList: freshness is "leased", and the feed covers "accounts"',
    ],
    [
      () => coveredCache().cacheList("notes", { dependsOn: ["accounts"], freshness: "leased" }),
      'the feed covers "accounts"',
    ],
  ]);

  test("where the cache says it of all routes, those that the feed covers are strict, and others may be leased", () => {
    const cache = coveredCache({ freshness: "leased" });
    assert.equal(typeof cache.cacheList("accounts"), "function");
    assert.equal(typeof cache.cacheList("notes", { freshness: "leased" }), "function");
  });

  test("where routes say it of all modules, so are those that the feed covers", async () => {
    const cache = coveredCache();
    const app = await serve((express) => {
      express.use(cache.routes({ freshness: "leased" }), (_req, res) => void res.json({}));
    });
    afterTest(() => app.close());
    for (const path of ["/accounts", "/notes"]) assert.equal((await app.request(path)).status, 200);
  });
});
