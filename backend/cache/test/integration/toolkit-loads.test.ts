// getOrSet and update: who loads, what is stored, and what a deletion in between does; on every store.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { CacheSpace, TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";

for (const store of STORES) {
  describe(`loads with the ${store} store`, () => {
    const keyPrefix = `test:${randomUUID()}:`;
    const tenant = randomUUID();
    let cache: TenantCache;
    let space: CacheSpace;
    /** The same data from another process; the in-process store has none. */
    let elsewhere: CacheSpace | undefined;
    let other: TenantCache | undefined;

    beforeAll(async () => {
      cache = await openCache(store, { keyPrefix });
      space = cache.manager.tenant(tenant);
      if (store === "memory") return;
      other = await openCache(store, { keyPrefix });
      elsewhere = other.manager.tenant(tenant);
    });
    afterAll(() => Promise.all([cache.close(), other?.close()]));

    /** A load that has begun and ends when the test says so. */
    async function held(key: string): Promise<{ readonly first: Promise<string>; end(value: string): void }> {
      const loading = gate();
      const loaded = gate<string>();
      const load = () => {
        loading.open();
        return loaded.passed;
      };
      const first = space.getOrSet(key, load, 60);
      await loading.passed;
      return { first, end: loaded.open };
    }

    /** Until its TTL of a second has ended, but not the time for which it may be served stale. */
    async function untilStale(key: string): Promise<void> {
      while ((await space.get(key)) !== undefined) await delay(50);
    }

    test("loads once, then reads", async () => {
      let loads = 0;
      const read = () => space.getOrSet("load:1", () => ({ n: ++loads }), 60);
      assert.deepEqual([await read(), await read(), await read()], [{ n: 1 }, { n: 1 }, { n: 1 }]);
      assert.deepEqual(await elsewhere?.get("load:1"), elsewhere && { n: 1 });
    });

    test("a stampede loads once, across processes", async () => {
      let loads = 0;
      const load = async () => {
        loads++;
        await delay(100);
        return { loads };
      };
      const spaces = Array.from({ length: 100 }, (_, n) => (n % 2 === 0 && elsewhere ? elsewhere : space));
      const values = await Promise.all(spaces.map((at) => at.getOrSet("stampede:1", load, 60)));
      assert.equal(loads, 1);
      assert.ok(values.every((value) => value.loads === 1));
    });

    test("a load that a deletion overtook is not stored, wherever the deletion came from", async () => {
      const deletions: ((at: CacheSpace) => Promise<unknown>)[] = [
        (at) => at.delete("race:1"),
        (at) => at.deletePattern("race:*"),
        (at) => at.flush(),
        () => cache.invalidateTenantCache(tenant, "race"),
        () => cache.invalidateAllTenant(tenant),
      ];
      for (const remove of deletions) {
        for (const at of [space, elsewhere ?? space]) {
          await space.delete("race:1");
          const { first, end } = await held("race:1");
          await remove(at);
          end("old");
          assert.equal(await first, "old", "whoever asked before the deletion gets what was there before it");
          await cache.idle();
          assert.equal(await space.get("race:1"), undefined, remove.toString());
          assert.equal(await space.getOrSet("race:1", () => "new", 60), "new");
          await cache.idle();
          assert.equal(await at.get("race:1"), "new");
        }
      }
    });

    test("whoever asks after a deletion does not get what was being loaded before it", async () => {
      const { first, end } = await held("race:2");
      await space.delete("race:2");
      assert.equal(await space.getOrSet("race:2", () => "new", 60), "new");
      end("old");
      assert.equal(await first, "old");
      await cache.idle();
      assert.equal(await space.get("race:2"), "new");
    });

    test("a load that a set overtook does not overwrite it", async () => {
      const { first, end } = await held("race:3");
      await (elsewhere ?? space).set("race:3", "set", 60);
      end("loaded");
      await first;
      await cache.idle();
      assert.equal(await space.get("race:3"), "set");
    });

    test("a failed load fails those that waited for it, is not repeated by them, and keeps nothing", async () => {
      let loads = 0;
      const failing = async () => {
        loads++;
        await delay(50);
        throw new Error("the database is away");
      };
      const results = await Promise.allSettled(
        Array.from({ length: 20 }, () => space.getOrSet("fail:1", failing)),
      );
      assert.ok(results.every(({ status }) => status === "rejected"));
      assert.equal(loads, 1);
      assert.equal(await space.getOrSet("fail:1", () => "back"), "back");
    });

    test("there is none: kept only where that is asked for, and shared all the same", async () => {
      let loads = 0;
      const none = async () => {
        loads++;
        await delay(50);
        return null;
      };
      const asks = Array.from({ length: 10 }, () => space.getOrSet("none:1", none, 60));
      assert.ok((await Promise.all(asks)).every((value) => value === null));
      assert.equal(loads, 1);
      await space.getOrSet("none:1", none, 60);
      assert.equal(loads, 2, "not kept");
      const negative = { ttlSeconds: 60, negativeTtlSeconds: 60 };
      assert.equal(await space.getOrSet("none:2", none, negative), null);
      assert.equal(await space.getOrSet("none:2", none, negative), null);
      assert.equal(loads, 3, "kept");
      const brief = { ttlSeconds: 60, negativeTtlSeconds: 1 };
      assert.equal(await space.getOrSet("none:4", none, brief), null);
      while ((await space.get("none:4")) === null) await delay(50);
      assert.equal(await space.getOrSet("none:4", () => "something", brief), "something", "not for longer");
      assert.equal(await space.getOrSet("none:3", () => undefined, negative), undefined);
      assert.equal(await space.getOrSet("none:3", () => "not asked", negative), undefined);
    });

    test("stale while revalidate: the old value at once, one load behind it, never after a deletion", async () => {
      let version = 0;
      const again = gate();
      const load = async () => {
        if (version > 0) await again.passed;
        return ++version;
      };
      const options = { ttlSeconds: 1, staleWhileRevalidate: 600 };
      const read = () => space.getOrSet("swr:1", load, options);
      assert.equal(await read(), 1);
      await untilStale("swr:1");
      assert.deepEqual(await Promise.all([read(), read(), read()]), [1, 1, 1]);
      again.open();
      await cache.idle();
      assert.equal(version, 2);
      assert.equal(await read(), 2);
      await untilStale("swr:1");
      // On a busy machine the last read may have found it stale, too.
      await cache.idle();
      const known = version;
      await space.delete("swr:1");
      assert.equal(await read(), known + 1);
    });

    test("a failed load behind a stale value leaves it", async () => {
      const options = { ttlSeconds: 1, staleWhileRevalidate: 600 };
      await space.getOrSet("swr:2", () => "old", options);
      await untilStale("swr:2");
      const failing = () => Promise.reject(new Error("away"));
      assert.equal(await space.getOrSet("swr:2", failing, options), "old");
      await cache.idle();
      assert.equal(await space.getOrSet("swr:2", failing, options), "old");
      await cache.idle();
    });

    test("update writes the source, then the cache; a load that it overtook is not stored", async () => {
      let source = "old";
      const loading = gate();
      const loaded = gate();
      const reading = space.getOrSet("update:1", async () => {
        const value = source;
        loading.open();
        await loaded.passed;
        return value;
      });
      await loading.passed;
      const written = await space.update("update:1", async () => {
        source = "new";
        return source;
      });
      assert.equal(written, "new");
      loaded.open();
      assert.equal(await reading, "old");
      await cache.idle();
      assert.equal(await (elsewhere ?? space).get("update:1"), "new");
    });

    test("overlapping updates store neither value, in whatever order they end", async () => {
      for (const order of [
        [0, 1],
        [1, 0],
      ]) {
        await space.set("update:2", "before");
        const gates = [gate<string>(), gate<string>()];
        const begun = [gate(), gate()];
        const updates = gates.map(({ passed }, n) => {
          const at = n === 0 ? space : (elsewhere ?? space);
          return at.update("update:2", () => {
            begun[n]?.open();
            return passed;
          });
        });
        await Promise.all(begun.map(({ passed }) => passed));
        for (const n of order) {
          gates[n]?.open(`value ${n}`);
          await updates[n];
        }
        // The first to end was alone as far as it could know; the second was not.
        assert.equal(await space.get("update:2"), undefined);
      }
    });

    test("an update that fails leaves nothing behind that might be old", async () => {
      await space.set("update:3", "before");
      await assert.rejects(
        space.update("update:3", () => Promise.reject(new Error("constraint"))),
        /constraint/,
      );
      assert.equal(await space.get("update:3"), undefined);
    });
  });
}
