// Collections: typed values behind key patterns, defined once, used for any tenant; on every store.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import * as z from "zod";
import { sharedRedisUrl } from "../../../servers/index.js";
import type { Collection, TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";
import { timeLeft } from "../support/time-left.js";

interface Day {
  readonly date: string;
  readonly visits: number;
}
type DayKey = { readonly technicianId: string; readonly date: string };

const DAY_SECONDS = 86_400;

describe("fences in Redis", () => {
  test("they outlive what they guard, also the oldest and the longest of it", async () => {
    const keyPrefix = `fences:${randomUUID()}:`;
    const cache = await openCache("redis", { keyPrefix });
    const admin = new Redis(await sharedRedisUrl());
    const tenant = randomUUID();
    const long = cache.manager.collection<string, { id: string }>("long:{id}", {
      ttlSeconds: 90 * DAY_SECONDS,
      staleWhileRevalidate: 30 * DAY_SECONDS,
    });
    await cache.manager.tenant(tenant).set("long:short", 1, 60);
    await long.set(tenant, { id: "1" }, "value");
    // What is cut off or stored afterwards does not shorten a fence's life.
    await long.delete(tenant, { id: "2" });
    await cache.manager.tenant(tenant).set("long:short", 2, 60);
    const livesOf = async (pattern: string) => {
      const keys = await admin.keys(`${keyPrefix}${pattern}`);
      return Promise.all(keys.map(async (key) => [key, await admin.pttl(key)] as const));
    };
    const [[, entryMs = 0] = []] = await livesOf("tenant:*:long:1");
    assert.ok(entryMs > 119 * DAY_SECONDS * 1000, `${entryMs}`);
    const fences = (await livesOf("fence:*")).filter(([key]) => !/long:(?:2|short)$/.test(key));
    assert.ok(fences.length >= 4, fences.join(" "));
    for (const [key, ms] of fences) assert.ok(ms > entryMs, `${key}: ${ms} of ${entryMs}`);
    admin.disconnect();
    await cache.close();
  });
});

for (const store of STORES) {
  describe(`collections with the ${store} store`, () => {
    let cache: TenantCache;
    let days: Collection<Day, DayKey>;
    const tenant = randomUUID();

    beforeAll(async () => {
      cache = await openCache(store, { manager: { preset: "brief" } });
      days = cache.manager.collection<Day, DayKey>("schedules:technician:{technicianId}:date:{date}", {
        ttlSeconds: (day, { date }) => (day.visits < 0 ? 0 : date < "2026-11-22" ? 86_400 : 1800),
        schema: z.object({ date: z.string(), visits: z.number() }),
        negativeTtlSeconds: 60,
      });
    });
    afterAll(() => cache.close());

    test("90 days, and 30 more stale: the store has it, and the entry can be read", async () => {
      const long = cache.manager.collection<string, { id: string }>("long:{id}", {
        ttlSeconds: 90 * DAY_SECONDS,
        staleWhileRevalidate: 30 * DAY_SECONDS,
      });
      const assertLeft = timeLeft();
      assert.equal(await long.set(tenant, { id: "1" }, "value"), true);
      assert.equal(await long.get(tenant, { id: "1" }), "value");
      assertLeft(await long.ttl(tenant, { id: "1" }), 90 * DAY_SECONDS);
      assert.equal(await long.delete(tenant, { id: "1" }), true);
      assert.equal(await long.get(tenant, { id: "1" }), undefined);
    });

    test("every operation, with the key built from its parameters", async () => {
      const params = { technicianId: "7", date: "2026-11-22" };
      const day = { date: "2026-11-22", visits: 3 };
      assert.equal(days.key(params), "schedules:technician:7:date:2026-11-22");
      assert.equal(await days.get(tenant, params), undefined);
      assert.deepEqual(await days.getOrSet(tenant, params, () => day), day);
      assert.deepEqual(await days.get(tenant, params), day);
      assert.equal(await days.exists(tenant, params), true);
      const changed = { ...day, visits: 4 };
      assert.deepEqual(await days.update(tenant, params, async () => changed), changed);
      assert.deepEqual(await days.get(tenant, params), changed);
      assert.equal(await days.set(tenant, params, day, { nx: true }), false);
      assert.equal(await days.set(tenant, params, day), true);
      assert.equal(await days.delete(tenant, params), true);
      assert.equal(await days.exists(tenant, params), false);
      const items = ["2026-11-23", "2026-11-24"].map((date) => ({
        params: { technicianId: "7", date },
        value: { date, visits: 1 },
      }));
      assert.deepEqual(await days.mSet(tenant, items), [true, true]);
      const got = await days.mGet(tenant, [...items.map((item) => item.params), params]);
      assert.deepEqual(got, [...items.map((item) => item.value), undefined]);
      assert.equal(await days.get(randomUUID(), items[0]?.params ?? params), undefined, "another tenant's");
    });

    test("the TTL follows from value and parameters, its default from the preset", async () => {
      const past = { technicianId: "8", date: "2026-11-01" };
      const assertLeft = timeLeft();
      await days.set(tenant, past, { date: past.date, visits: 1 });
      assertLeft(await days.ttl(tenant, past), 86_400);
      const today = { technicianId: "8", date: "2026-11-22" };
      await days.getOrSet(tenant, today, () => ({ date: today.date, visits: 1 }));
      await cache.idle();
      assertLeft(await days.ttl(tenant, today), 1800);
      assert.equal(await days.set(tenant, today, { date: today.date, visits: -1 }), false);
      const plain = cache.manager.collection<number>("plain:{id}");
      await plain.set(tenant, { id: 1 }, 1);
      // SHORT of the preset.
      assertLeft(await plain.ttl(tenant, { id: 1 }), 60);
    });

    test("what fills a gap cannot become another key", async () => {
      const odd = { technicianId: "7:date:x", date: "*" };
      await days.set(tenant, odd, { date: "odd", visits: 0 });
      assert.deepEqual(await days.get(tenant, odd), { date: "odd", visits: 0 });
      assert.equal(days.key(odd).split(":").length, 5);
      await assert.rejects(days.get(tenant, { technicianId: "", date: "x" }), /ETC_KEY/);
      await assert.rejects(days.get("*", odd), /ETC_TENANT_ID/);
    });

    test("deleteAll cuts off the whole collection and loads under way, and nothing else", async () => {
      const params = { technicianId: "9", date: "2026-11-22" };
      const space = cache.manager.tenant(tenant);
      await space.set("schedules:today", "stays");
      await days.set(tenant, params, { date: "old", visits: 1 });
      const loading = gate();
      const loaded = gate<Day>();
      const late = { technicianId: "9", date: "2026-11-25" };
      const load = days.getOrSet(tenant, late, () => {
        loading.open();
        return loaded.passed;
      });
      await loading.passed;
      assert.equal(await days.deleteAll(tenant), true);
      loaded.open({ date: "late", visits: 1 });
      await load;
      await cache.idle();
      assert.deepEqual(await days.mGet(tenant, [params, late]), [undefined, undefined]);
      assert.equal(await space.get("schedules:today"), "stays");
      const all = cache.manager.collection<string>("schedules:all");
      await all.set(tenant, {}, "all");
      assert.equal(await all.deleteAll(tenant), true);
      assert.equal(await all.get(tenant, {}), undefined);
    });

    test("deleteMatching: what some of the parameters name", async () => {
      for (const technicianId of ["20", "21"])
        for (const date of ["a", "b"]) await days.set(tenant, { technicianId, date }, { date, visits: 1 });
      assert.equal((await days.deleteMatching(tenant, { technicianId: "20" })).removed, 2);
      assert.equal((await days.deleteMatching(tenant, { date: "b" })).removed, 1);
      assert.deepEqual(await days.get(tenant, { technicianId: "21", date: "a" }), { date: "a", visits: 1 });
    });

    test("the same key without its collection is the same entry", async () => {
      const params = { technicianId: "30", date: "2026-11-22" };
      const space = cache.manager.tenant(tenant);
      await days.set(tenant, params, { date: "x", visits: 1 });
      assert.deepEqual(await space.get(days.key(params)), { date: "x", visits: 1 });
      await space.delete(days.key(params));
      assert.equal(await days.get(tenant, params), undefined);
    });

    test("there is none: kept for its own time, and no matter for the schema", async () => {
      const params = { technicianId: "40", date: "2026-11-22" };
      let loads = 0;
      const none = () => {
        loads++;
        return null as unknown as Day;
      };
      assert.equal(await days.getOrSet(tenant, params, none), null);
      assert.equal(await days.getOrSet(tenant, params, none), null);
      assert.equal(loads, 1);
    });

    test("a pattern that could build another's keys is refused", () => {
      assert.throws(
        () => cache.manager.collection("schedules:{kind}:{id}:date:{date}"),
        /ETC_KEY_COLLISION.*technician/,
      );
      cache.manager.collection("schedules:team:{id}:date");
    });
  });
}

describe("encryption", () => {
  test("what is stored is not readable; the values are", async () => {
    const keyPrefix = `test:${randomUUID()}:`;
    const encryption = { keys: [{ id: "k1", secret: Buffer.alloc(32, 7) }] };
    const cache = await openCache("redis-only", { keyPrefix, encryption });
    const redis = new Redis(await sharedRedisUrl());
    try {
      const secrets = cache.manager.collection<{ iban: string }>("secrets:{id}", { encrypt: true });
      await secrets.set("acme", { id: 1 }, { iban: "DE89370400440532013000" });
      assert.deepEqual(await secrets.get("acme", { id: 1 }), { iban: "DE89370400440532013000" });
      const stored = await redis.getBuffer(`${keyPrefix}tenant:acme:secrets:1`);
      assert.ok(stored && !stored.includes("DE8937"), "found, and encrypted");
    } finally {
      redis.disconnect();
      await cache.close();
    }
  });
});
