// Logging in and out while the persistent Redis is away, or not there at all.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { untilConnected } from "../../state/state-redis.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { startCrm, TENANT_A } from "../support/crm.js";

describe("the persistent Redis is away", () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(() => redis.stop());

  test("tokens that may be revoked are 503, and so are logins; tokens without id go on", async () => {
    const auth = await startAuthCrm(redis.url);
    try {
      await auth.addUser("maria@a.example");
      const body = { tenant_id: TENANT_A, email: "maria@a.example", password: PASSWORD };
      const { access_token } = (await auth.post("/login", body).expect(200)).body.data;
      await auth.as(access_token).get("/api/leads").expect(200);
      await redis.kill();
      const refused = await auth.as(access_token).get("/api/leads").expect(503);
      assert.equal(refused.headers["retry-after"], "1");
      assert.match(refused.headers["content-type"] ?? "", /^application\/problem\+json/);
      await auth.as(access_token).post("/api/auth/logout").expect(503);
      await auth.post("/login", body).expect(503);
    } finally {
      await auth.close();
    }
  });

  /** As `kill` left it, but for its data. */
  async function back({ state }: AuthCrm): Promise<void> {
    await redis.restart();
    while (!(await untilConnected(state.redis)));
  }

  test("a refresh that found it away is good for another try", async () => {
    await redis.restart();
    const auth = await startAuthCrm(redis.url);
    try {
      await auth.addUser("maria@a.example");
      const body = { tenant_id: TENANT_A, email: "maria@a.example", password: PASSWORD };
      const { refresh_token } = (await auth.post("/login", body).expect(200)).body.data;
      await redis.kill();
      await auth.post("/refresh", { refresh_token }).expect(503);
      await back(auth);
      const { access_token } = (await auth.post("/refresh", { refresh_token }).expect(200)).body.data;
      await auth.as(access_token).get("/api/leads").expect(200);
    } finally {
      await auth.close();
    }
  });

  test("a change of role that could not revoke does so when it is repeated", async () => {
    await redis.restart();
    const auth = await startAuthCrm(redis.url);
    try {
      const email = "maria@a.example";
      const id = await auth.addUser(email);
      const admin = await auth.crm.client("admin", TENANT_A);
      const body = { tenant_id: TENANT_A, email, password: PASSWORD };
      const { access_token } = (await auth.post("/login", body).expect(200)).body.data;
      await redis.kill();
      const demotion = { email, name: "Maria", role: "viewer" };
      await admin.put(`/api/users/${id}`, demotion).expect(503);
      await back(auth);
      await admin.put(`/api/users/${id}`, demotion).expect(200);
      await auth.as(access_token).get("/api/leads").expect(401);
    } finally {
      await auth.close();
    }
  });

  test("not configured: logging in says so, tokens are accepted", async () => {
    const crm = await startCrm();
    try {
      const viewer = await crm.client("viewer", TENANT_A);
      const { body } = await viewer.post("/api/auth/login", {}).expect(503);
      assert.match(body.detail, /REDIS_URL/);
      await viewer.get("/api/leads").expect(200);
    } finally {
      await crm.close();
    }
  });
});
