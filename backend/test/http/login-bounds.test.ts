// What one client may ask for at a time: logins of an address, and handlers of a subject. And users who change while they log in.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { createTenantCache, type TenantCache } from "express-tenant-cache";
import type { Pool } from "pg";
import type { Response } from "supertest";
import supertest from "supertest";
import { sharedRedisUrl } from "../../servers/index.js";
import { passwordWork } from "../../services/auth/password.js";
import { issueToken } from "../../services/tokens.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { PATIENT, quiet } from "../support/caches.js";
import { SECRET, TENANT_A, TENANT_B } from "../support/crm.js";
import { holdQueries } from "../support/held-queries.js";
import { lockTable } from "../support/row-lock.js";

const credentials = (change: object = {}) => ({
  tenant_id: TENANT_A,
  email: "maria@a.example",
  password: PASSWORD,
  ...change,
});
const nowhere = () => credentials({ tenant_id: randomUUID() });

/** Sends it now: supertest's requests begin when they are awaited. */
const sent = (request: supertest.Test): Promise<Response> => Promise.resolve(request);

describe("logins of one address", () => {
  test("are limited at all tenants together, made-up ones among them; those that succeed are not counted", async () => {
    const auth = await startAuthCrm(await sharedRedisUrl(), { maxFailuresPerAddress: 3 });
    try {
      await auth.addUser("maria@a.example");
      for (let n = 0; n < 4; n++) await auth.post("/login", credentials()).expect(200);
      for (let n = 0; n < 3; n++) await auth.post("/login", nowhere()).expect(401);
      const refused = await auth.post("/login", nowhere()).expect(429);
      assert.ok(Number(refused.headers["retry-after"]) > 0);
      await auth.post("/login", credentials()).expect(429);
      // In all processes.
      await auth.neighbour.post("/login", nowhere()).expect(429);
    } finally {
      await auth.close();
    }
  });

  describe("while no more passwords can be checked", () => {
    let auth: AuthCrm;
    let letGo = () => {};
    const held: Promise<void>[] = [];
    const hold = (count: number) => {
      const until = new Promise<void>((resolve) => {
        const before = letGo;
        letGo = () => {
          before();
          resolve();
        };
      });
      for (let n = 0; n < count; n++) held.push(passwordWork.run(randomUUID(), () => until));
    };
    beforeAll(async () => {
      auth = await startAuthCrm(await sharedRedisUrl());
    });
    afterAll(async () => {
      letGo();
      await Promise.all(held);
      await auth.close();
    });

    test("they wait, are refused where too many do, and hold up no token that nobody has seen", async () => {
      const { atOnce, waiting } = passwordWork.bounds;
      assert.ok(atOnce <= 2);
      hold(atOnce);
      const answers = Array.from({ length: 30 }, () => sent(auth.post("/login", nowhere())));
      const token = await issueToken({ secret: SECRET, subject: "new", role: "viewer", tenantId: TENANT_B });
      await auth.as(token).get("/api/accounts").expect(200);
      letGo();
      for (const { status } of await Promise.all(answers)) assert.equal(status, 401);
      hold(atOnce + waiting);
      const refused = await auth.post("/login", nowhere()).expect(503);
      assert.equal(refused.headers["retry-after"], "1");
    });
  });
});

describe("a user who changes while the password is checked", () => {
  let auth: AuthCrm;
  beforeAll(async () => {
    auth = await startAuthCrm(await sharedRedisUrl());
  });
  const caches: TenantCache[] = [];
  afterAll(async () => {
    await auth.close();
    await Promise.all(caches.map((cache) => cache.close()));
  });

  /** The app once more, whose answers of the database may be held. */
  const over = (pool: Pool) => {
    const cache = createTenantCache({ tenant: (req) => req.auth?.tenantId, logger: quiet, ...PATIENT });
    caches.push(cache);
    return supertest(auth.crm.twin({ pool, cache }));
  };
  /** Logs in, and changes the user when the password's hash has been read. */
  async function loginDuring(email: string, change: (id: string) => Promise<unknown>): Promise<Response> {
    const id = await auth.addUser(email);
    const { pool, held, release } = holdQueries(auth.crm.pool, /SELECT .*password_hash/);
    const answer = sent(over(pool).post("/api/auth/login").send(credentials({ email })));
    await held;
    await change(id);
    release();
    return await answer;
  }

  const update = (set: string) => (id: string) =>
    auth.crm.pool.query(`UPDATE users SET ${set} WHERE id = $1`, [id]);

  test("is not logged in once deactivated, deleted, or with another password", async () => {
    const changes = [
      update("is_active = false"),
      update("password_hash = 'another'"),
      (id: string) => auth.crm.pool.query("DELETE FROM users WHERE id = $1", [id]),
    ];
    for (const [n, change] of changes.entries()) {
      const { status, body } = await loginDuring(`gone-${n}@a.example`, change);
      assert.equal(status, 401, JSON.stringify(body));
    }
    assert.equal((await auth.crm.pool.query("SELECT FROM sessions")).rowCount, 0);
  });

  test("has the role of now", async () => {
    const { status, body } = await loginDuring("less@a.example", update("role = 'viewer'"));
    assert.equal(status, 200);
    assert.equal(body.data.user.role, "viewer");
    await auth.as(body.data.access_token).post("/api/accounts", { name: "x" }).expect(403);
  });

  test("through the API, whatever comes first: no token outlives the change", async () => {
    const id = await auth.addUser("last@a.example");
    const admin = await auth.crm.client("admin", TENANT_A);
    const { pool, held, release } = holdQueries(auth.crm.pool, /FOR SHARE/);
    const login = sent(
      over(pool)
        .post("/api/auth/login")
        .send(credentials({ email: "last@a.example" })),
    );
    await held;
    // It waits for the login's transaction, and then finds its session.
    const change = sent(
      admin.put(`/api/users/${id}`, { email: "last@a.example", name: "Somebody", is_active: false }),
    );
    release();
    const { status, body } = await login;
    assert.equal(status, 200);
    assert.equal((await change).status, 200);
    await auth.as(body.data.access_token).get("/api/accounts").expect(401);
  });
});

describe("handlers of one subject", () => {
  test("have half of the connections; others, of the same tenant too, have the rest", async () => {
    const auth = await startAuthCrm(await sharedRedisUrl());
    const { crm } = auth;
    const lock = await lockTable(crm.databaseUrl, "contacts");
    try {
      const viewer = await crm.client("viewer", TENANT_A);
      const half = Math.floor(crm.pool.options.max / 2);
      const searches = Array.from({ length: 150 }, (_, n) =>
        sent(viewer.get(`/api/contacts/search?q=word${n}`)),
      );
      await lock.awaitedBy(half);
      // Another path, so that nothing but the connections is shared.
      for (const tenant of [TENANT_A, TENANT_B])
        await (await crm.client("member", tenant)).get("/api/accounts").expect(200);
      assert.equal(crm.pool.waitingCount, 0);
      assert.ok(crm.pool.totalCount - crm.pool.idleCount <= half);
      await lock.release();
      for (const { status } of await Promise.all(searches)) assert.equal(status, 200);
    } finally {
      await lock.release().catch(() => undefined);
      await auth.close();
    }
  });
});
