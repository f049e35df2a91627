// Reads of cached routes and views: each is on record before a byte of it leaves, whatever answers it.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express, { type RequestHandler } from "express";
import { expressServerOptions } from "express-tenant-cache";
import { pino } from "pino";
import supertest from "supertest";
import { DatabaseOutage } from "../../db/database-outage.js";
import { withTenant } from "../../db/tenant-transaction.js";
import { errorHandler } from "../../http/error-handler.js";
import { afterTest, closeAfterTest } from "../../servers/in-test.js";
import { until } from "../../servers/until.js";
import type { AuditEvent } from "../../services/audit/audit-event.js";
import { AuditUnavailable } from "../../services/audit/audit-unavailable.js";
import { addConsent, changeConsent } from "../../services/audit/consent/consent-store.js";
import { AUDITED_SCOPE, auditedRoute } from "../../services/audit/routes/audited-route.js";
import { pseudonym } from "../support/audit-database.js";
import { type AuditedCrm, startAuditedCrm } from "../support/audited-crm.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { cacheStatus, TENANT_A } from "../support/crm.js";

const SECRET_WORD = "only-for-who-may-see-it";

describe("audited routes", () => {
  let audited: AuditedCrm;
  beforeAll(async () => {
    audited = await startAuditedCrm();
  });
  afterAll(() => audited.close());

  const logs = (entityId: string, entityType = "communication") =>
    audited.trail.getAuditLogs(TENANT_A, entityType, entityId);

  /** A cached list behind the lane; `durable` may fail in the trail's place. */
  async function listen(
    store: StoreName,
    entityId: string,
    {
      handler,
      more = {},
      withLane = false,
      fails = () => false,
    }: {
      handler?: RequestHandler;
      more?: Partial<AuditEvent>;
      withLane?: boolean;
      fails?: () => boolean;
    } = {},
  ) {
    const cache = await openCache(store);
    closeAfterTest(cache);
    let asked = 0;
    const app = express();
    app.use((req, res, next) => {
      req.auth = {
        subject: "agent@test",
        role: "member",
        tenantId: TENANT_A,
        expiresAtMs: Number.MAX_SAFE_INTEGER,
      };
      Object.assign(req, { id: "r-1" });
      res.setHeader("X-Request-Id", "r-1");
      next();
    });
    const { trail } = audited;
    const recorded = auditedRoute({
      trail: {
        requireConsent: (...given) => trail.requireConsent(...given),
        record: (...given) =>
          fails() ? Promise.reject(new AuditUnavailable(new Error("away"))) : trail.record(...given),
        disclose: (...given) =>
          fails() ? Promise.reject(new AuditUnavailable(new Error("away"))) : trail.disclose(...given),
      },
      event: () => ({ action: "read", entityType: "communication", entityId, dataClass: "phi", ...more }),
    });
    const answer: RequestHandler = (_req, res) => void res.json({ word: SECRET_WORD });
    const count: RequestHandler = (_req, _res, next) => {
      asked++;
      next();
    };
    app.get(
      "/list",
      recorded,
      cache.cacheList("letters", { ttlSeconds: 60, scope: AUDITED_SCOPE }),
      count,
      handler ?? answer,
    );
    app.use(errorHandler(pino({ level: "silent" }), new DatabaseOutage(pino({ level: "silent" }))));
    const lane = cache.lane(app, { identify: () => ({ tenant: TENANT_A, principal: "agent" }) });
    const server = withLane ? createServer(expressServerOptions(app), lane) : createServer(app);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    afterTest(() => new Promise((resolve) => server.close(resolve)));
    const { port } = server.address() as AddressInfo;
    const agent = supertest(`http://127.0.0.1:${port}`);
    return {
      get: (headers = {}) => agent.get("/list").set({ "x-tenant": TENANT_A, ...headers }),
      asked: () => asked,
      /** Entries are stored behind their answers. */
      idle: () => cache.idle(),
    };
  }

  for (const store of STORES) {
    test(`${store}: a hit of cacheList is recorded like a miss, also behind the lane`, async () => {
      const { get, asked, idle } = await listen(store, `hits-${store}`, { withLane: true });
      const first = await get().expect(200);
      await idle();
      const etag = String(first.headers.etag);
      for (let n = 0; n < 3; n++) {
        const hit = await get().expect(200, { word: SECRET_WORD });
        assert.match(cacheStatus(hit), /^hit/);
        assert.equal(hit.headers.etag, etag);
        assert.equal(hit.headers["x-request-id"], "r-1");
      }
      await get({ "if-none-match": etag }).expect(304);
      assert.equal(asked(), 1);
      const found = await logs(`hits-${store}`);
      assert.deepEqual(
        found.map(({ source, outcome }) => [source, outcome]),
        [...Array(4).fill(["cache", "success"]), ["store", "success"]],
      );
      assert.equal(found[0]?.request, "r-1");
      assert.equal(found[0]?.actor.id, "agent@test");
    });

    test(`${store}: where the record cannot be made, a hit discloses nothing, and no header of it`, async () => {
      let isAway = false;
      const { get, idle } = await listen(store, `away-${store}`, { fails: () => isAway });
      await get().expect(200);
      await idle();
      isAway = true;
      const refused = await get().expect(503);
      assert.match(String(refused.headers["content-type"]), /problem\+json/);
      assert.equal(refused.headers.etag, undefined);
      assert.equal(refused.headers["cache-status"], undefined);
      assert.equal(refused.headers["retry-after"], "1");
      assert.equal(refused.headers["x-request-id"], "r-1");
      assert.ok(!JSON.stringify([refused.headers, refused.text]).includes(SECRET_WORD));
      isAway = false;
      assert.match(cacheStatus(await get().expect(200, { word: SECRET_WORD })), /^hit/);
      assert.equal((await logs(`away-${store}`)).length, 2);
    });
  }

  test("a miss whose record cannot be made discloses nothing either", async () => {
    const { get } = await listen("memory", "away-miss", { fails: () => true });
    const refused = await get().expect(503);
    assert.ok(!refused.text.includes(SECRET_WORD));
    assert.equal(JSON.parse(refused.text).status, 503);
  });

  test("an answer in parts is held at its first byte, and comes whole", async () => {
    const parts = ["one ", "two ", "three"];
    const handler: RequestHandler = async (_req, res) => {
      res.type("text");
      for (const part of parts) {
        if (!res.write(part)) await new Promise((resolve) => res.once("drain", resolve));
      }
      res.end();
    };
    const { get } = await listen("memory", "parts", { handler });
    assert.equal((await get().expect(200)).text, "one two three");
    assert.equal((await logs("parts")).length, 1);
    const away = await listen("memory", "parts-away", { handler, fails: () => true });
    const refused = await away.get().expect(503);
    assert.doesNotMatch(refused.text, /two/);
  });

  test("a head that the handler writes itself arrives as it was written", async () => {
    const handler: RequestHandler = (_req, res) => {
      res.writeHead(200, "Fine", ["Content-Type", "text/plain", "X-Two", "b"]);
      res.end("as written");
    };
    const { get } = await listen("memory", "heads", { handler });
    const answer = await get().expect(200, "as written");
    assert.equal(answer.headers["x-two"], "b");
  });

  test("what was not found or failed is recorded as that", async () => {
    for (const [status, outcome] of [
      [404, "failure"],
      [403, "refused"],
      [500, "failure"],
    ] as const) {
      const handler: RequestHandler = (_req, res) => void res.status(status).json({});
      const { get } = await listen("memory", `status-${status}`, { handler });
      await get().expect(status);
      assert.deepEqual(
        (await logs(`status-${status}`)).map((log) => log.outcome),
        [outcome],
      );
    }
  });

  test("without consent a hit is refused, before anything is looked up; the purpose is the request's", async () => {
    const subjectId = "hubspot:consented";
    const subject = await pseudonym(TENANT_A, subjectId);
    const { get, asked } = await listen("memory", "consented", { more: { subjectId } });
    const { id } = await withTenant(audited.crm.pool, TENANT_A, (client) =>
      addConsent(client, TENANT_A, subject, { purposes: ["HMARKT"] }, "somebody"),
    );
    const marketing = { "purpose-of-use": "HMARKT" };
    await get(marketing).expect(200);
    await get(marketing).expect(200);
    await get({ "purpose-of-use": "SALES" }).expect(400);
    await get().expect(403);
    await withTenant(audited.crm.pool, TENANT_A, (client) =>
      changeConsent(client, TENANT_A, id, "revoke", "somebody"),
    );
    const refused = await get(marketing).expect(403);
    assert.match(refused.body.detail, /does not cover the purpose HMARKT/);
    assert.equal(refused.headers["cache-status"], undefined);
    assert.equal(asked(), 1);
    assert.deepEqual(
      (await logs("consented")).map(({ outcome, consent, purpose }) => [
        outcome,
        consent?.id === id,
        purpose,
      ]),
      [
        ["refused", false, "HMARKT"],
        ["refused", false, undefined],
        ["success", true, "HMARKT"],
        ["success", true, "HMARKT"],
      ],
    );
  });

  test("consent that is revoked while the answer is made: it does not leave", async () => {
    const subjectId = "hubspot:late";
    const subject = await pseudonym(TENANT_A, subjectId);
    const { id } = await withTenant(audited.crm.pool, TENANT_A, (client) =>
      addConsent(client, TENANT_A, subject, { purposes: ["HMARKT"] }, "somebody"),
    );
    const handler: RequestHandler = async (_req, res) => {
      await withTenant(audited.crm.pool, TENANT_A, (client) =>
        changeConsent(client, TENANT_A, id, "revoke", "somebody"),
      );
      res.json({ word: SECRET_WORD });
    };
    const { get } = await listen("memory", "late", { handler, more: { subjectId, purpose: "HMARKT" } });
    const refused = await get().expect(403);
    assert.ok(!refused.text.includes(SECRET_WORD));
    assert.deepEqual(
      (await logs("late")).map(({ outcome }) => outcome),
      ["refused"],
    );
  });

  test("a cached view of the CRM: its hits are recorded, and load nothing", async () => {
    const admin = await audited.as([], { role: "admin" });
    const user = { email: "a@a.example", name: "Ada", role: "member" };
    const { body } = await admin.post("/api/users", user).expect(201);
    const path = `/api/users/${body.data.id}`;
    await admin.get(path).expect(200);
    for (let n = 0; n < 2; n++) assert.match(cacheStatus(await admin.get(path).expect(200)), /^hit/);
    await until("they are written", async () => (await logs(body.data.id, "user")).length === 3);
    assert.deepEqual(
      (await logs(body.data.id, "user")).map(({ source }) => source),
      ["cache", "cache", "store"],
    );
  });
});
