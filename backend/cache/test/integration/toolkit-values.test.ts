// The toolkit's values by key: stored, read, removed, counted; on every store.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, jest, test } from "@jest/globals";
import * as z from "zod";
import type { CacheSpace, TenantCache } from "../../src/index.js";
import { keyedOf } from "../../src/store/store-parts.js";
import { engineOf } from "../../src/tenant-cache.js";
import { openCache, STORES } from "../support/caches.js";
import { timeLeft } from "../support/time-left.js";

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && "code" in error && error.code === expected;

for (const store of STORES) {
  describe(`values by key with the ${store} store`, () => {
    let cache: TenantCache;
    let space: CacheSpace;

    beforeAll(async () => {
      cache = await openCache(store);
      space = cache.manager.tenant(randomUUID());
    });
    afterAll(() => cache.close());

    test("what is set is got: JSON, texts and bytes as they are, null too", async () => {
      const values = [
        { a: [1, null, "ü"] },
        "text",
        "",
        "half a pair: \ud83d",
        0,
        false,
        null,
        Buffer.from([0, 255, 7]),
        [undefined],
      ];
      for (const [index, value] of values.entries()) {
        assert.equal(await space.set(`kinds:${index}`, value), true);
        const expected = Array.isArray(value) ? [null] : value;
        assert.deepEqual(await space.get(`kinds:${index}`), expected);
      }
      assert.equal(await space.get("kinds:missing"), undefined);
    });

    test("what has no JSON is refused", async () => {
      const cycle: Record<string, unknown> = {};
      cycle.self = cycle;
      for (const value of [undefined, cycle, 1n, () => 1])
        await assert.rejects(space.set("kinds:odd", value), code("ETC_VALUE"));
    });

    test("tenants do not see each other's values", async () => {
      const other = cache.manager.tenant(randomUUID());
      await space.set("settings", { theme: "dark" });
      assert.equal(await other.get("settings"), undefined);
      await other.deletePattern("*");
      assert.deepEqual(await space.get("settings"), { theme: "dark" });
    });

    test("deleted keys are gone, with their counters; their neighbours stay", async () => {
      for (const key of ["del:1", "del:2", "del:3"]) await space.set(key, key);
      await space.increment("del:1");
      assert.equal(await space.delete("del:1", "del:2"), true);
      assert.deepEqual(await space.mGet(["del:1", "del:2", "del:3"]), [undefined, undefined, "del:3"]);
      assert.equal(await space.count("del:1"), undefined);
    });

    test("batches of any size", async () => {
      const keys = Array.from({ length: 1200 }, (_, n) => `batch:${n}`);
      const stored = await space.mSet(keys.map((key) => ({ key, value: key })));
      assert.deepEqual(
        stored,
        keys.map(() => true),
      );
      assert.deepEqual(await space.mGet(keys), keys);
      assert.equal(await space.delete(...keys), true);
      assert.deepEqual(
        await space.mGet(keys),
        keys.map(() => undefined),
      );
    });

    test("deletePattern: what matches, below its namespace", async () => {
      const users = space.namespace("users");
      for (const key of ["profile:1", "profile:2", "all-users"]) await users.set(key, key);
      await space.set("profile:1", "another domain");
      const invalidations = async () => (await cache.stats()).modules.users?.invalidations ?? 0;
      const before = await invalidations();
      const { removed, confirmed } = await users.deletePattern("profile:*");
      assert.deepEqual([removed, confirmed], [2, true]);
      assert.equal((await invalidations()) - before, 1);
      assert.deepEqual(await users.mGet(["profile:1", "profile:2", "all-users"]), [
        undefined,
        undefined,
        "all-users",
      ]);
      assert.equal(await space.get("users:all-users"), "all-users");
      assert.equal(await space.get("profile:1"), "another domain");
    });

    test("exists and ttl: seconds that are left, and jitter shortens them", async () => {
      const assertLeft = timeLeft();
      assert.equal(await space.exists("ttl:1"), false);
      assert.equal(await space.ttl("ttl:1"), undefined);
      await space.set("ttl:1", 1, 600);
      assert.equal(await space.exists("ttl:1"), true);
      assertLeft(await space.ttl("ttl:1"), 600);
      await space.set("ttl:2", 900, { ttlSeconds: (seconds) => seconds });
      assertLeft(await space.ttl("ttl:2"), 900);
      const items = Array.from({ length: 50 }, (_, n) => ({ key: `jitter:${n}`, value: n }));
      await space.mSet(items, { ttlSeconds: 1000, jitter: 0.5 });
      const left = await Promise.all(items.map(async ({ key }) => (await space.ttl(key)) ?? 0));
      assert.ok(left.every((seconds) => seconds <= 1000));
      // At least half of the time was given.
      for (const seconds of left) assertLeft(Math.min(seconds, 500), 500);
      assert.ok(new Set(left).size > 10, "they do not expire together");
    });

    test("a function may say that a value is not kept: what was there is gone all the same", async () => {
      await space.set("unkept", "old");
      assert.equal(await space.set("unkept", "new", { ttlSeconds: () => 0 }), false);
      assert.equal(await space.get("unkept"), undefined);
      await assert.rejects(space.set("unkept", "new", { ttlSeconds: () => 0.5 }), code("ETC_TTL"));
    });

    test("values expire", async () => {
      await space.set("brief", 1, 1);
      while ((await space.get("brief")) !== undefined)
        await new Promise((resolve) => setTimeout(resolve, 50));
    });

    test("nx: the first stores, also of many at once; after a deletion another may", async () => {
      const stored = await Promise.all([1, 2, 3, 4, 5].map((n) => space.set("once", n, { nx: true })));
      assert.equal(stored.filter(Boolean).length, 1);
      const first = await space.get("once");
      assert.equal(first, stored.indexOf(true) + 1);
      assert.equal(await space.set("once", 9, { nx: true }), false);
      await space.delete("once");
      assert.equal(await space.set("once", 9, { nx: true }), true);
      assert.equal(await space.get("once"), 9);
    });

    test("mSet and mGet keep the order, each value its own TTL", async () => {
      const assertLeft = timeLeft();
      const items = Array.from({ length: 300 }, (_, n) => ({
        key: `many:${n}`,
        value: { n },
        ttlSeconds: n + 1000,
      }));
      assert.ok((await space.mSet(items)).every(Boolean));
      const got = await space.mGet(items.map(({ key }) => key).toReversed());
      assert.deepEqual(got, items.map(({ value }) => value).toReversed());
      assertLeft(await space.ttl("many:298"), 1298);
      assert.deepEqual([await space.mGet([]), await space.mSet([])], [[], []]);
    });

    test("counters count across callers and begin with their TTL", async () => {
      const sums = await Promise.all(
        Array.from({ length: 20 }, () => space.increment("visits:1", 1, { ttlSeconds: 60 })),
      );
      assert.deepEqual(
        sums.toSorted((a, b) => a - b),
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
      assert.equal(await space.decrement("visits:1", 5), 15);
      assert.equal(await space.count("visits:1"), 15);
      assert.equal(await space.get("visits:1"), undefined, "counters are no values");
      await assert.rejects(space.increment("visits:1", 0.5), code("ETC_VALUE"));
      await space.increment("visits:2", 1, { ttlSeconds: 1 });
      while ((await space.count("visits:2")) !== undefined)
        await new Promise((resolve) => setTimeout(resolve, 50));
    });

    test("counters live a day, or as long as their call or namespace says", async () => {
      const add = jest.spyOn(keyedOf(engineOf(cache).store), "addToCounter");
      const daily = space.namespace("quota");
      const spaces: readonly (readonly [CacheSpace, number])[] = [
        [space, 86_400],
        [daily, 86_400],
        [space.namespace("kept", { maxBytes: 1000 }), 86_400],
        [space.namespace("computed", { ttlSeconds: () => 10 }), 86_400],
        [space.namespace("hourly", 3600), 3600],
        [space.namespace("hourly", { ttlSeconds: 3600 }).namespace("deep", { jitter: 0.1 }), 3600],
      ];
      for (const [of, seconds] of spaces) {
        await of.increment("calls:1");
        assert.equal(add.mock.calls.at(-1)?.[2], seconds * 1000);
      }
      await daily.decrement("calls:2", 1, { ttlSeconds: 7 });
      assert.equal(add.mock.calls.at(-1)?.[2], 7000);
    });

    test("a sweep of the domain spares live values and counters", async () => {
      await space.set("swept:old", 1);
      await space.increment("swept:old");
      const tenant = randomUUID();
      const swept = cache.manager.tenant(tenant);
      await swept.set("swept:old", 1);
      await swept.increment("swept:count");
      await cache.invalidateTenantCache(tenant, "swept");
      await swept.set("swept:young", 2);
      await cache.idle();
      assert.deepEqual(await swept.mGet(["swept:old", "swept:young"]), [undefined, 2]);
      assert.equal(await swept.count("swept:count"), 1);
      assert.equal(await space.get("swept:old"), 1);
    });

    test("too large: refused with advice or skipped, and the old value is gone", async () => {
      const small = space.namespace("small", { maxBytes: 100 });
      await small.set("a", "old");
      await assert.rejects(small.set("a", "x".repeat(101)), code("ETC_VALUE_TOO_LARGE"));
      assert.equal(await small.get("a"), undefined);
      const skipping = space.namespace("skipping", { maxBytes: 100, onTooLarge: "skip" });
      assert.equal(await skipping.set("b", "x".repeat(101)), false);
      assert.equal(
        await small.getOrSet("c", () => "x".repeat(101)),
        "x".repeat(101),
        "a load's answer is no failure",
      );
      assert.equal(await small.get("c"), undefined);
    });

    test("compression makes large values fit", async () => {
      const packed = space.namespace("packed", { maxBytes: 1000, compressAboveBytes: 500 });
      const value = { text: "again and again ".repeat(1000) };
      assert.equal(await packed.set("a", value), true);
      assert.deepEqual(await packed.get("a"), value);
      assert.deepEqual(await packed.mGet(["a"]), [value]);
    });

    test("a value that fails its schema is a miss, a counted alarm, and loaded anew", async () => {
      const people = space.namespace("people", {
        schema: z.object({ name: z.string(), born: z.coerce.date() }),
      });
      await space.set("people:1", { name: "Ada", born: "1815-12-10" });
      assert.deepEqual(await people.get("1"), { name: "Ada", born: new Date("1815-12-10") });
      await space.set("people:1", { name: 7 });
      const { alarms } = (await cache.stats()).totals;
      assert.equal(await people.get("1"), undefined);
      assert.equal((await cache.stats()).totals.alarms, alarms + 1);
      const loaded = { name: "Grace", born: new Date("1906-12-09") };
      await space.set("people:1", { name: 7 });
      assert.deepEqual(await people.getOrSet("1", () => loaded), loaded);
      assert.deepEqual(await people.get("1"), loaded);
    });

    test("flush empties the space; in production only when forced", async () => {
      const flushed = space.namespace("flushed");
      await flushed.set("a", 1);
      await flushed.increment("n");
      const before = process.env.NODE_ENV;
      process.env.NODE_ENV = "production";
      try {
        await assert.rejects(flushed.flush(), code("ETC_FLUSH_REFUSED"));
        assert.equal(await flushed.get("a"), 1);
        assert.equal((await flushed.flush({ force: true })).removed, 2);
      } finally {
        if (before === undefined) delete process.env.NODE_ENV;
        else process.env.NODE_ENV = before;
      }
      assert.equal(await flushed.get("a"), undefined);
      assert.equal(await flushed.count("n"), undefined);
      assert.notEqual(await space.get("settings"), undefined);
      assert.ok((await space.flush()).removed > 0);
      assert.equal(await space.get("settings"), undefined);
    });

    test("what is no key is refused", async () => {
      for (const key of [
        "",
        "Users",
        "users:",
        "users::1",
        "users:a b",
        "users:*",
        "1",
        "users:\n",
        `users:${"x".repeat(512)}`,
      ])
        await assert.rejects(space.get(key), code("ETC_KEY"), key);
      await assert.rejects(space.deletePattern(""), code("ETC_KEY"));
      assert.throws(() => cache.manager.tenant("*"), code("ETC_TENANT_ID"));
    });

    test("encryption is demanded where the cache has none", () => {
      assert.throws(() => space.namespace("secret", { encrypt: true }), code("ETC_OPTIONS"));
      assert.throws(() => cache.manager.collection("secret:{id}", { encrypt: true }), code("ETC_OPTIONS"));
    });
  });
}
