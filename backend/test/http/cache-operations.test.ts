// Figures and warming for operators: shapes, who may ask, and that warmed views are hits.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache } from "express-tenant-cache";
import supertest from "supertest";
import { activeTenantIds } from "../../db/tenant-activity.js";
import { until } from "../../servers/until.js";
import { PATIENT, quiet } from "../support/caches.js";
import {
  CRM_STORES,
  type Crm,
  type CrmClient,
  cacheStatus,
  startCrm,
  TENANT_A,
  TENANT_B,
} from "../support/crm.js";
import {
  createFieldService,
  type FieldService,
  NOON,
  TODAY,
  TOMORROW,
} from "../support/field-service-tenant.js";

for (const store of CRM_STORES) {
  describe(`cache operations, ${store} store`, () => {
    let crm: Crm;
    let admin: CrmClient;
    let field: FieldService;

    beforeAll(async () => {
      crm = await startCrm(store, { clock: () => NOON });
      admin = await crm.client("admin", TENANT_A);
      field = await createFieldService(admin);
    });
    afterAll(() => crm.close());

    test("warming makes the next reads hits, of the admin's tenant only", async () => {
      const { body } = await admin.post("/api/cache/warm").expect(200);
      assert.deepEqual(
        body.results.map(({ plan, failed, error }: Record<string, unknown>) => [plan, failed, error]),
        [
          ["users", 0, null],
          ["schedules", 0, null],
          ["reports", 0, null],
          ["accounts", 0, null],
          ["leads", 0, null],
          ["contacts", 0, null],
          ["bizdevsources", 0, null],
        ],
      );
      // Two technicians: today, the week and eight days of each; the dashboard, three periods of three types and two technicians;
      // a first page and a count of each list.
      assert.deepEqual(
        body.results.map(({ warmed }: Record<string, unknown>) => warmed),
        [2, 2 + 8 * 2, 1 + 3 * (3 + 2), 2, 2, 2, 2],
      );
      await crm.cache.idle();
      const [ada] = field.technicians;
      const uses = crm.databaseUses();
      for (const path of [
        "/api/users",
        "/api/technicians",
        "/api/schedules/today",
        `/api/schedules/technician/${ada}/date/${TODAY}`,
        `/api/schedules/technician/${ada}/date/${TOMORROW}`,
        "/api/reports/dashboard",
        `/api/reports/performance/${ada}/${TODAY.slice(0, 7)}`,
      ])
        await admin.get(path).expect(200);
      const member = await crm.client("member", TENANT_A);
      for (const module of ["accounts", "leads", "contacts", "bizdevsources"])
        for (const path of [`/api/${module}`, `/api/${module}/count`, `/api/${module}?limit=50`])
          assert.equal(cacheStatus(await member.get(path).expect(200)), "hit", path);
      assert.equal(crm.databaseUses(), uses);
      await (await crm.client("admin", TENANT_B)).get("/api/users").expect(200);
      assert.equal(crm.databaseUses(), uses + 1, "the other tenant was not warmed");
    });

    test("plans can be chosen; unknown ones are refused", async () => {
      const chosen = await admin.post("/api/cache/warm", { plans: ["reports"] }).expect(200);
      assert.deepEqual(
        chosen.body.results.map(({ plan }: Record<string, unknown>) => plan),
        ["reports"],
      );
      await admin.post("/api/cache/warm", { plans: ["everything"] }).expect(400);
      await admin.post("/api/cache/warm", { plan: "reports" }).expect(400);
    });

    test("a plan that fails is counted, and the others go on", async () => {
      await crm.cache.invalidateAllTenant(TENANT_A);
      await crm.pool.query("ALTER TABLE schedules RENAME TO schedules_away");
      try {
        const { body } = await admin.post("/api/cache/warm").expect(200);
        const failed = Object.fromEntries(
          body.results.map((result: Record<string, unknown>) => [result.plan, Number(result.failed) > 0]),
        );
        assert.deepEqual(failed, {
          users: false,
          schedules: true,
          reports: true,
          accounts: false,
          leads: false,
          contacts: false,
          bizdevsources: false,
        });
      } finally {
        await crm.pool.query("ALTER TABLE schedules_away RENAME TO schedules");
      }
    });

    test("where nothing can be warmed the answer is 503, with the reasons", async () => {
      const redis = "redis://127.0.0.1:1";
      const away = createTenantCache({ redis, tenant: (req) => req.auth?.tenantId, logger: quiet });
      try {
        const { body, headers } = await supertest(crm.twin({ cache: away }))
          .post("/api/cache/warm")
          .set("Authorization", `Bearer ${await crm.token("admin", TENANT_A)}`)
          .expect(503);
        assert.ok(Number(headers["retry-after"]) > 0);
        for (const { warmed, error } of body.results)
          assert.deepEqual([warmed, error], [0, "the store is away"]);
      } finally {
        await away.close();
      }
    });

    test("lists are warmed of tenants that were active", async () => {
      const own = await startCrm(store, { notesActivity: true });
      try {
        const superadmin = await own.client("superadmin");
        const warmed = async () => {
          const { body } = await superadmin.post("/api/cache/warm", { plans: ["accounts"] }).expect(200);
          return body.results[0].warmed;
        };
        assert.equal(await warmed(), 0);
        await (await own.client("viewer", TENANT_B)).get("/api/users").expect(200);
        await until("the activity is noted", async () => (await activeTenantIds(own.pool)).length > 0);
        assert.deepEqual(await activeTenantIds(own.pool), [TENANT_B]);
        assert.equal(await warmed(), 2);
        await own.pool.query("UPDATE tenants SET last_active_at = now() - interval '8 days'");
        assert.deepEqual(await activeTenantIds(own.pool), []);
      } finally {
        await own.close();
      }
    });

    test("both are for admins", async () => {
      const member = await crm.client("member", TENANT_A);
      await member.get("/api/cache/metrics").expect(403);
      await member.post("/api/cache/warm").expect(403);
      await crm.withAuthorization().get("/api/cache/metrics").expect(401);
    });

    test("health has the cache's figures without identity, and the server's for admins", async () => {
      const superadmin = await crm.client("superadmin");
      for (const path of ["/health", "/api/health"]) {
        for (const anonymous of [crm.withAuthorization(), crm.withAuthorization("Bearer none")]) {
          const { body } = await anonymous.get(path).expect(200);
          assert.equal(body.status, "ok");
          assert.equal(body.database.status, "ok");
          assert.equal(body.cache.status, "connected");
          for (const name of ["latency", "hits", "misses", "sets", "deletes", "errors", "hit_ratio"])
            assert.equal(typeof body.cache[name], "number", name);
          assert.equal("server" in body.cache, false);
        }
        const { body } = await (await crm.client("viewer", TENANT_A)).get(path).expect(200);
        assert.equal("server" in body.cache, false);
        for (const administrator of [admin, superadmin]) {
          const { server } = (await administrator.get(path).expect(200)).body.cache;
          if (store === "memory") continue;
          assert.match(server.version, /^\d+\.\d+/);
          for (const name of ["uptime_in_seconds", "connected_clients", "used_memory"])
            assert.equal(typeof server[name], "number", name);
        }
      }
    });

    test("what anonymous callers see of health is chosen", async () => {
      const seenWith = async (healthDetails: "status" | "server", path: string, token?: string) => {
        const cache = createTenantCache({ tenant: () => undefined, logger: quiet, ...PATIENT });
        const request = supertest(crm.twin({ healthDetails, cache })).get(path);
        const { body } = await (token ? request.set("Authorization", `Bearer ${token}`) : request).expect(
          200,
        );
        await cache.close();
        return body;
      };
      const { timestamp, ...least } = await seenWith("status", "/health");
      assert.ok(Date.parse(timestamp) > 0);
      assert.deepEqual(least, {
        status: "ok",
        database: { status: "ok" },
        cache: { status: "connected", connected: true },
      });
      for (const path of ["/api/system/health", "/api/system/health/ready"])
        assert.deepEqual(await seenWith("status", path), {
          status: "ok",
          checks: { process: { status: "ok" }, database: { status: "ok" }, cache: { status: "ok" } },
        });
      const token = await crm.token("admin", TENANT_A);
      assert.ok("server" in (await seenWith("status", "/health", token)).cache);
      assert.ok("circuit" in (await seenWith("status", "/api/system/health", token)).checks.cache);
      assert.ok("server" in (await seenWith("server", "/health")).cache);
      // Why the cache is away names its server.
      const anonymous = crm.withAuthorization();
      assert.equal(
        "reason" in (await anonymous.get("/api/system/health").expect(200)).body.checks.cache,
        false,
      );
      for (const seen of [
        await seenWith("status", "/api/system/health", token),
        await seenWith("server", "/api/system/health"),
      ])
        assert.ok("reason" in seen.checks.cache);
    });

    test("metrics have the shape that operators read", async () => {
      const { body } = await admin.get("/api/cache/metrics").expect(200);
      const shape = {
        health: ["status", "connected", "latency"],
        memory: ["used_memory", "used_memory_human", "mem_fragmentation_ratio"],
        stats: ["total_commands_processed", "keyspace_hits", "keyspace_misses"],
        cacheManagerStats: ["hits", "misses", "hitRate"],
      };
      for (const [part, names] of Object.entries(shape))
        for (const name of names) {
          assert.ok(name in body[part], `${part}.${name}`);
          // The in-process store has no server to ask.
          if (store === "redis") assert.notEqual(body[part][name], null, `${part}.${name}`);
        }
      for (const name of ["keyspace", "keyCount", "timestamp"]) assert.ok(name in body, name);
    });

    test("metrics count reads and loads of each view", async () => {
      const viewOf = async (key: string) => {
        const { body } = await admin.get("/api/cache/metrics").expect(200);
        return body.views.find((view: { key: string }) => view.key === key);
      };
      await crm.cache.invalidateAllTenant(TENANT_A);
      const before = await viewOf("users:profile:{id}");
      for (let i = 0; i < 3; i++) await admin.get(`/api/users/${field.dispatcher}`).expect(200);
      const later = await viewOf("users:profile:{id}");
      assert.deepEqual([later.reads - before.reads, later.loads - before.loads], [3, 1]);
    });
  });
}
