// Refreshes behind stale values that never end, or never stop: idle() and close() end all the same, and others are refreshed.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import type { CacheSpace } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";

const STALE = { ttlSeconds: 1, staleWhileRevalidate: 600 };

async function stale(space: CacheSpace, keys: readonly string[]): Promise<void> {
  for (const key of keys) await space.getOrSet(key, () => "old", STALE);
  await until("values are stale", async () => (await space.mGet([...keys])).every((value) => !value));
}

for (const store of STORES) {
  describe(`with the ${store} store`, () => {
    test("a load that never ends keeps nobody waiting, and the next one may begin", async () => {
      const cache = await openCache(store, { fill: { waitMs: 300 } });
      try {
        const space = cache.manager.tenant(randomUUID());
        const endless = Array.from({ length: 100 }, (_, n) => `endless:${n}`);
        await stale(space, [...endless, "endless:well"]);
        const never = () => new Promise<string>(() => {});
        for (const key of endless) assert.equal(await space.getOrSet(key, never, STALE), "old");
        await cache.idle();
        await until("a value with a sound source is refreshed", async () => {
          return (await space.getOrSet("endless:well", () => "new", STALE)) === "new";
        });
        let loads = 0;
        await until("the key of the endless one is loaded again", async () => {
          await space.getOrSet("endless:0", () => String(++loads), STALE);
          return loads > 0;
        });
      } finally {
        await cache.close();
      }
    });

    test("close ends while a job goes on asking for stale values", async () => {
      const cache = await openCache(store);
      const space = cache.manager.tenant(randomUUID());
      const keys = Array.from({ length: 20 }, (_, n) => `job:${n}`);
      await stale(space, keys);
      const stop = new AbortController();
      // Overlapping: at each moment some load is under way.
      const jobs = keys.map(async (key) => {
        while (!stop.signal.aborted) {
          const load = () => delay(50 + 100 * Math.random(), "old");
          await space
            .getOrSet(key, load, { ttlSeconds: 1, staleWhileRevalidate: 600 })
            .catch(() => undefined);
          await delay(1);
        }
      });
      try {
        await cache.close();
      } finally {
        stop.abort();
        await Promise.all(jobs);
      }
    });
  });
}
