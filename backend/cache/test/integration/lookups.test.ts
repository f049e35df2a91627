// Lookups: what a process keeps itself, and what the store has, is believed only with the fences of the moment; and what that asks of the store.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, test } from "@jest/globals";
import { setClock } from "../../../servers/in-test.js";
import { optionsFor } from "../../../servers/test-caches.js";
import type { TenantCache } from "../../src/index.js";
import { parseCacheOptions } from "../../src/options/cache-options.js";
import { openStore } from "../../src/options/open-store.js";
import type { Store } from "../../src/store/store.js";
import { createTenantCacheOn } from "../../src/tenant-cache.js";
import { READY_WITHIN_MS, type StoreName } from "../support/caches.js";
import { type HttpApp, serve } from "../support/http-app.js";

interface Process extends HttpApp {
  readonly cache: TenantCache;
  readonly store: Store;
  /** What the store was asked since they were taken last: `entry`, `fences` or `fill`. */
  taken(): readonly string[];
}

/** One of several processes that share a store, as far as the cache knows. */
async function openProcess(store: StoreName, keyPrefix: string, answer: () => string): Promise<Process> {
  const options = { ...(await optionsFor(store)), keyPrefix };
  const parsed = parseCacheOptions(options);
  const opened = openStore(parsed);
  const asked: string[] = [];
  const { read, beginFill } = opened.store;
  opened.store.read = (fenceKeys, entryKeys, onLoan) => {
    asked.push(entryKeys.length > 0 ? "entry" : "fences");
    return Reflect.apply(read, opened.store, [fenceKeys, entryKeys, onLoan]);
  };
  opened.store.beginFill = (request) => {
    asked.push("fill");
    return Reflect.apply(beginFill, opened.store, [request]);
  };
  const cache = createTenantCacheOn(opened, parsed);
  assert.equal(await cache.ready(READY_WITHIN_MS), true);
  const app = await serve((express) => {
    const run = (_req: unknown, res: { send(body: string): void }) => res.send(answer());
    express.get("/list{/*rest}", cache.cacheList("accounts", { ttlSeconds: 60, staleIfError: 600 }), run);
    express.get("/recalled", cache.cacheList("accounts", { maxStaleness: 60_000 }), run);
  });
  return {
    ...app,
    cache,
    store: opened.store,
    taken: () => asked.splice(0),
    async close() {
      await app.close();
      await cache.close();
    },
  };
}

for (const kept of [true, false]) {
  describe(`lookups of a process that ${kept ? "keeps entries" : "keeps none"}`, () => {
    let runs = 0;
    let one: Process;
    let other: Process;

    beforeAll(async () => {
      const keyPrefix = `lookups:${randomUUID()}:`;
      const answer = () => `run ${++runs}`;
      one = await openProcess(kept ? "redis" : "redis-only", keyPrefix, answer);
      other = await openProcess(kept ? "redis" : "redis-only", keyPrefix, answer);
    });
    afterAll(async () => {
      await one.close();
      await other.close();
    });
    beforeEach(async () => {
      await one.cache.invalidateAllTenant("tenant-1");
      await Promise.all([one.cache.idle(), other.cache.idle()]);
      runs = 0;
      one.taken();
      other.taken();
    });

    const ask = async (process: Process, path: string) => {
      const { body, cache } = await process.request(path);
      await process.cache.idle();
      return [body, cache];
    };

    test("a hit asks for its fences, and for the entry where the process has none", async () => {
      assert.deepEqual(await ask(one, "/list/a"), ["run 1", "fwd=miss; stored"]);
      await ask(one, "/list/a");
      one.taken();
      assert.deepEqual(await ask(one, "/list/a"), ["run 1", "hit"]);
      assert.deepEqual(one.taken(), [kept ? "fences" : "entry"]);
      assert.deepEqual(await ask(other, "/list/a"), ["run 1", "hit"], "what one has stored the other has");
    });

    test("where misses are expected one question looks and begins the fill; where hits are, entries are read first", async () => {
      await ask(one, "/list/miss-1");
      one.taken();
      await ask(one, "/list/miss-2");
      assert.deepEqual(one.taken(), ["fill"]);
      await ask(other, "/list/miss-1");
      await ask(other, "/list/miss-1");
      other.taken();
      assert.equal((await ask(other, "/list/miss-2"))[1], "hit");
      assert.deepEqual(other.taken(), ["entry"]);
      await ask(other, "/list/miss-3");
      assert.deepEqual(other.taken(), ["entry", "fill"]);
    });

    test("what another process invalidates is believed by none from then on", async () => {
      for (const process of [one, other, one, other]) await ask(process, "/list/a");
      await other.cache.invalidateTenantCache("tenant-1", "accounts");
      assert.deepEqual(await ask(one, "/list/a"), ["run 2", "fwd=miss; stored"]);
      assert.deepEqual(await ask(other, "/list/a"), ["run 2", "hit"]);
    });

    test("an entry that has become stale is looked for in the store: another process may have filled it again", async () => {
      for (const process of [one, other]) await ask(process, "/list/a");
      setClock(Date.now() + 61_000);
      assert.deepEqual(await ask(other, "/list/a"), ["run 2", "fwd=stale; stored"]);
      assert.deepEqual(await ask(one, "/list/a"), ["run 2", "hit"]);
      assert.deepEqual(await ask(one, "/list/a"), ["run 2", "hit"]);
    });

    test("within maxStaleness the store is not asked; a change by this process counts at once", async () => {
      await ask(one, "/recalled");
      await ask(one, "/recalled");
      one.taken();
      assert.deepEqual(await ask(one, "/recalled"), ["run 1", "hit"]);
      assert.deepEqual(one.taken(), kept ? [] : ["entry"]);
      await one.cache.invalidateTenantCache("tenant-1", "accounts");
      assert.equal((await ask(one, "/recalled"))[1], "fwd=miss; stored");
    });

    test("a read that the store fails goes to the handler, and the next is answered as before", async () => {
      await ask(one, "/list/a");
      await ask(one, "/list/a");
      const { read, beginFill } = one.store;
      const fails = () => Promise.reject(new Error("lost"));
      Object.assign(one.store, { read: fails, beginFill: fails });
      assert.deepEqual(await ask(one, "/list/a"), ["run 2", "fwd=bypass; detail=store-unavailable"]);
      Object.assign(one.store, { read, beginFill });
      assert.equal(await one.cache.ready(READY_WITHIN_MS), true);
      assert.deepEqual(await ask(one, "/list/a"), ["run 1", "hit"]);
    });
  });
}
