// What the services' views promise when something comes in between: an overtaken reader, midnight, a Redis that is away.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "@jest/globals";
import type { TenantCacheOptions } from "express-tenant-cache";
import { Redis } from "ioredis";
import supertest from "supertest";
import { afterTest } from "../../servers/in-test.js";
import { startRedisServer } from "../../servers/index.js";
import { openCache, READY_WITHIN_MS } from "../support/caches.js";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A } from "../support/crm.js";
import {
  create,
  createFieldService,
  NOON,
  scheduleDocument,
  TODAY,
  TOMORROW,
  userDocument,
  viewPaths,
} from "../support/field-service-tenant.js";
import { holdQueries } from "../support/held-queries.js";

const byToken: TenantCacheOptions["tenant"] = (req) => req.auth?.tenantId;

describe("services: a load that a change has overtaken", () => {
  test("is not stored, also where reader and writer are different processes", async () => {
    const keyPrefix = `race:${randomUUID()}:`;
    const writers = await openCache("redis", { keyPrefix, tenant: byToken });
    const readers = await openCache("redis", { keyPrefix, tenant: byToken });
    const crm = await startCrm("redis", { cache: writers });
    afterTest(async () => {
      await readers.close();
      await writers.close();
      await crm.close();
    });
    const admin = await crm.client("admin", TENANT_A);
    const id = await create(admin, "/api/users", userDocument("Before Change"));
    const path = `/api/users/${id}`;
    const { pool, held, release } = holdQueries(crm.pool, /FROM users t .* t\.id = \$2/s);
    const reader = crm.twin({ pool, cache: readers });
    const token = await crm.token("admin", TENANT_A);
    const nameRead = async () => {
      const answer = await supertest(reader).get(path).set("Authorization", `Bearer ${token}`).expect(200);
      return answer.body.data.name;
    };

    const overtaken = nameRead();
    await held;
    await admin.put(path, userDocument("After Change")).expect(200);
    release();
    assert.equal(await overtaken, "Before Change", "it had read before the change");
    assert.equal(await nameRead(), "After Change");
    assert.equal((await admin.get(path).expect(200)).body.data.name, "After Change");
  });
});

for (const store of CRM_STORES) {
  describe(`services: midnight, ${store} store`, () => {
    test("views of today show the new day at once, whatever their TTL has left", async () => {
      let now = new Date(`${TODAY}T23:59:58Z`);
      const crm = await startCrm(store, { clock: () => now });
      afterTest(() => crm.close());
      const admin = await crm.client("admin", TENANT_A);
      const technician = await create(
        admin,
        "/api/users",
        userDocument("Ada Brandt", { is_technician: true }),
      );
      await create(admin, "/api/schedules", scheduleDocument(technician, { title: "old" }));
      await create(admin, "/api/schedules", scheduleDocument(technician, { title: "new", date: TOMORROW }));
      const shown = async () => {
        const data = async (path: string) => (await admin.get(path).expect(200)).body.data;
        const today = await data("/api/schedules/today");
        const schedule = await data(`/api/technicians/${technician}/schedule`);
        const { date } = await data("/api/reports/dashboard");
        await crm.cache.idle();
        return [
          today.date,
          today.schedules.map((row: { title: string }) => row.title),
          schedule.from,
          schedule.schedules.map((row: { title: string }) => row.title),
          date,
        ];
      };
      assert.deepEqual(await shown(), [TODAY, ["old"], TODAY, ["old", "new"], TODAY]);
      assert.ok(((await crm.cache.manager.tenant(TENANT_A).ttl("schedules:today")) ?? 0) <= 2);
      now = new Date(`${TOMORROW}T00:00:00Z`);
      assert.deepEqual(await shown(), [TOMORROW, ["new"], TOMORROW, ["new"], TOMORROW]);
      const uses = crm.databaseUses();
      await shown();
      assert.equal(crm.databaseUses(), uses, "the new day is cached");
    });
  });
}

describe("services: an answer to a change", () => {
  type Change = (admin: CrmClient, user: string) => supertest.Test;
  const changes: Record<string, Change> = {
    "of credits": (admin, user) => admin.post(`/api/credits/${user}/sms/add`, { amount: 1 }).expect(200),
    "of a record": (admin, user) => admin.put(`/api/users/${user}`, userDocument("Ada Late")).expect(200),
    "that makes a record": (admin) => admin.post("/api/users", userDocument("Grace")).expect(201),
    "that deletes a record": (admin, user) => admin.delete(`/api/users/${user}`).expect(204),
  };
  test.each(Object.entries(changes))(
    "%s waits until Redis has taken what it makes stale",
    async (_name, change) => {
      const redis = await startRedisServer();
      const cache = await openCache("redis", { redis: redis.url, tenant: byToken });
      const crm = await startCrm("redis", { cache });
      const control = new Redis(redis.url);
      afterTest(async () => {
        control.disconnect();
        await cache.close();
        await crm.close();
        await redis.stop();
      });
      const admin = await crm.client("admin", TENANT_A);
      const user = await create(admin, "/api/users", userDocument("Ada"));
      await cache.idle();
      await control.call("CLIENT", "PAUSE", 60_000, "WRITE");
      let isAnswered = false;
      const answered = change(admin, user).then(() => {
        isAnswered = true;
      });
      while (!/^blocked_clients:[1-9]/m.test(await control.info("clients")));
      // What had been sent by then would have come before this answer.
      await admin.get("/nothing").expect(404);
      assert.equal(isAnswered, false);
      await control.call("CLIENT", "UNPAUSE");
      await answered;
    },
  );
});

describe("services: Redis away", () => {
  test("every view is read from the database, changes are made, and nothing old is shown after", async () => {
    const redis = await startRedisServer();
    const cache = await openCache("redis", { redis: redis.url, tenant: byToken, budgetMs: 1000 });
    const crm: Crm = await startCrm("redis", { cache, clock: () => NOON });
    afterTest(async () => {
      await cache.close();
      await crm.close();
      await redis.stop();
    });
    const admin = await crm.client("admin", TENANT_A);
    const field = await createFieldService(admin);
    const [ada] = field.technicians;
    const paths = Object.values(viewPaths(field));
    for (const path of paths) await admin.get(path).expect(200);

    await redis.pause();
    const uses = crm.databaseUses();
    for (const path of paths) await admin.get(path).expect(200);
    assert.equal(crm.databaseUses() - uses, paths.length);
    await admin.put(`/api/users/${ada}`, userDocument("Ada Late", { is_technician: true })).expect(200);
    assert.equal((await admin.get(`/api/users/${ada}`).expect(200)).body.data.name, "Ada Late");

    // It comes back with what it held: the entries from before the change are still there.
    await redis.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    assert.equal((await admin.get(`/api/users/${ada}`).expect(200)).body.data.name, "Ada Late");
    assert.equal(
      (await admin.get(`/api/technicians/${ada}/schedule`).expect(200)).body.data.technician_name,
      "Ada Late",
    );
  });
});
