// Logging in, refreshing and logging out, against PostgreSQL and a persistent Redis.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { sharedRedisUrl } from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { SECRET, TENANT_A, TENANT_B } from "../support/crm.js";

const DAY_SECONDS = 86_400;

describe("auth", () => {
  let auth: AuthCrm;
  let userId: string;
  beforeAll(async () => {
    auth = await startAuthCrm(await sharedRedisUrl());
    userId = await auth.addUser("maria@a.example");
  });
  afterAll(() => auth.close());

  const login = async (email = "maria@a.example") => {
    const body = { tenant_id: TENANT_A, email, password: PASSWORD };
    return (await auth.post("/login", body).expect(200)).body.data;
  };
  const key = (rest: string) => `${auth.keyPrefix}state:tenant:${TENANT_A}:auth:${rest}`;

  test("a login gives a pair of tokens, and the access token is accepted", async () => {
    const response = await auth
      .post("/login", { tenant_id: TENANT_A.toUpperCase(), email: " MARIA@a.example", password: PASSWORD })
      .expect(200);
    assert.equal(response.headers["cache-control"], "no-store");
    const { access_token, refresh_token, user, ...rest } = response.body.data;
    assert.deepEqual(rest, { token_type: "Bearer", expires_in: 900, password_change_required: false });
    const shown = { email: "maria@a.example", name: "Somebody", role: "member", overlay_roles: [] };
    assert.deepEqual(user, { id: userId, ...shown });
    await auth.as(access_token).get("/api/accounts").expect(200);
    await auth.as(access_token).post("/api/accounts", { name: "By Maria" }).expect(201);
    const claims = decodeJwt(access_token);
    assert.equal(claims.sub, userId);
    assert.equal(claims.tenant_id, TENANT_A);
    assert.ok(claims.jti);
    // Neither token is the other.
    await auth.as(refresh_token).get("/api/accounts").expect(401);
    await auth.post("/refresh", { refresh_token: access_token }).expect(401);
  });

  test("whatever is wrong with a login, the answer is the same", async () => {
    await auth.addUser("gone@a.example", { is_active: false });
    await auth.addUser("other@b.example", { tenantId: TENANT_B });
    const answers = await Promise.all(
      [
        { email: "maria@a.example", password: "wrong" },
        { email: "nobody@a.example" },
        { email: "gone@a.example" },
        { email: "other@b.example" },
        { tenant_id: "cccccccc-0000-4000-8000-000000000003" },
      ].map((wrong) =>
        auth.post("/login", {
          tenant_id: TENANT_A,
          email: "maria@a.example",
          password: PASSWORD,
          ...wrong,
        }),
      ),
    );
    for (const { status, body } of answers) {
      assert.equal(status, 401);
      assert.deepEqual(body, answers[0]?.body);
    }
  });

  test("bodies are validated, other methods are 405", async () => {
    const { body } = await auth.post("/login", { tenant_id: "x", email: "" }).expect(400);
    assert.deepEqual(
      body.errors.map((error: { pointer: string }) => error.pointer),
      ["#/tenant_id", "#/email", "#/password"],
    );
    const { access_token } = await login();
    await auth.as(access_token).get("/api/auth/login").expect(405);
  });

  test("a refresh token is exchanged once; used again it ends the session and its access tokens", async () => {
    const first = await login();
    const second = (await auth.post("/refresh", { refresh_token: first.refresh_token }).expect(200)).body
      .data;
    assert.notEqual(second.access_token, first.access_token);
    await auth.as(first.access_token).get("/api/leads").expect(200);
    await auth.neighbour.as(second.access_token).get("/api/leads").expect(200);

    await auth.neighbour.post("/refresh", { refresh_token: first.refresh_token }).expect(401);
    await auth.post("/refresh", { refresh_token: second.refresh_token }).expect(401);
    for (const { access_token } of [first, second]) {
      await auth.as(access_token).get("/api/leads").expect(401);
      await auth.neighbour.as(access_token).get("/api/leads").expect(401);
    }
    // Other sessions of the user go on.
    const other = await login();
    await auth.post("/refresh", { refresh_token: other.refresh_token }).expect(200);
  });

  test("of many refreshes with one token at most one succeeds, and then none of its tokens is good", async () => {
    const { refresh_token } = await login();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        (n % 2 ? auth : auth.neighbour).post("/refresh", { refresh_token }),
      ),
    );
    const succeeded = answers.filter(({ status }) => status === 200);
    assert.equal(succeeded.length, 1);
    const winner = succeeded[0]?.body.data;
    await auth.post("/refresh", { refresh_token: winner.refresh_token }).expect(401);
    await auth.as(winner.access_token).get("/api/leads").expect(401);
  });

  test("a refresh gives the role that the user has now, and nothing to a deactivated one", async () => {
    const id = await auth.addUser("moved@a.example", { role: "viewer" });
    const { refresh_token } = await login("moved@a.example");
    await auth.crm.pool.query("UPDATE users SET role = 'admin' WHERE id = $1", [id]);
    const next = (await auth.post("/refresh", { refresh_token }).expect(200)).body.data;
    assert.equal(decodeJwt(next.access_token).role, "admin");
    await auth.crm.pool.query("UPDATE users SET is_active = false WHERE id = $1", [id]);
    await auth.post("/refresh", { refresh_token: next.refresh_token }).expect(401);
    await auth.as(next.access_token).get("/api/leads").expect(401);
  });

  test("after a logout the session's tokens are refused by every process", async () => {
    const { access_token, refresh_token } = await login();
    await auth.neighbour.as(access_token).get("/api/leads").expect(200);
    assert.ok(auth.neighbour.authenticator.recall(access_token));
    await auth.as(access_token).post("/api/auth/logout").expect(204);
    for (const process of [auth, auth.neighbour]) {
      const refused = await process.as(access_token).get("/api/leads").expect(401);
      assert.equal(refused.body.detail, "The token has been revoked.");
      assert.match(refused.headers["www-authenticate"] ?? "", /error="invalid_token"/);
      assert.equal(process.authenticator.recall(access_token), undefined);
      await process.post("/refresh", { refresh_token }).expect(401);
    }
  });

  test("a logout with an older access token ends the session that it has become", async () => {
    const first = await login();
    const second = (await auth.post("/refresh", { refresh_token: first.refresh_token }).expect(200)).body
      .data;
    await auth.as(first.access_token).post("/api/auth/logout").expect(204);
    await auth.as(second.access_token).get("/api/leads").expect(401);
    await auth.post("/refresh", { refresh_token: second.refresh_token }).expect(401);
  });

  test("a logout everywhere ends all sessions of the user, and nobody else's", async () => {
    await auth.addUser("twice@a.example");
    const [one, two, other] = [await login("twice@a.example"), await login("twice@a.example"), await login()];
    const list = await auth.as(one.access_token).get("/api/auth/sessions").expect(200);
    assert.equal(list.body.data.length, 2);
    await auth.as(one.access_token).post("/api/auth/logout", { everywhere: true }).expect(204);
    await auth.as(two.access_token).get("/api/leads").expect(401);
    await auth.as(other.access_token).get("/api/leads").expect(200);
  });

  test("who is deactivated or deleted, or changes role, has no good token left", async () => {
    const admin = await auth.crm.client("admin", TENANT_A);
    const steps = {
      deactivated: (id: string, body: object) => admin.put(`/api/users/${id}`, { ...body, is_active: false }),
      moved: (id: string, body: object) => admin.put(`/api/users/${id}`, { ...body, role: "viewer" }),
      deleted: (id: string) => admin.delete(`/api/users/${id}`),
    };
    for (const [name, step] of Object.entries(steps)) {
      const email = `to-be-${name}@a.example`;
      const id = await auth.addUser(email);
      const { access_token, refresh_token } = await login(email);
      await admin.put(`/api/users/${id}`, { email, name: "Renamed" }).expect(200);
      await auth.neighbour.as(access_token).get("/api/leads").expect(200);
      await step(id, { email, name: "Renamed" }).expect(name === "deleted" ? 204 : 200);
      await auth.neighbour.as(access_token).get("/api/leads").expect(401);
      await auth.post("/refresh", { refresh_token }).expect(401);
    }
  });

  test("a logout also invalidates what the cache tags with the session, before it answers", async () => {
    const tags: string[][] = [];
    const { invalidateTags } = auth.crm.cache;
    const { access_token } = await login();
    auth.crm.cache.invalidateTags = async (tenantId, ...named) => {
      tags.push([String(tenantId), ...named]);
      return await invalidateTags(tenantId, ...named);
    };
    try {
      await auth.as(access_token).post("/api/auth/logout").expect(204);
    } finally {
      auth.crm.cache.invalidateTags = invalidateTags;
    }
    const tag = `session-${decodeJwt(access_token).jti}`;
    assert.ok(tags.some(([tenantId, ...named]) => tenantId === TENANT_A && named.includes(tag)));
  });

  test("tokens that no session has issued are revoked, too", async () => {
    const options = { secret: SECRET, subject: "an identity provider's user", role: "member" } as const;
    const token = await issueToken({ ...options, tenantId: TENANT_A });
    const superadmin = await issueToken({ ...options, role: "superadmin" });
    for (const one of [token, superadmin]) {
      await auth.as(one).post("/api/auth/logout").expect(204);
      await auth.neighbour.as(one).get(`/api/leads?tenant_id=${TENANT_A}`).expect(401);
    }
  });

  test("sessions are listed for a day after their last refresh, and then forgotten", async () => {
    const { redis } = auth.state;
    const at = key(`session:${userId}`);
    const longAgo = new Date(Date.now() - (DAY_SECONDS + 60) * 1000).toISOString();
    await redis.hset(at, "old", JSON.stringify({ id: "old", started_at: longAgo, refreshed_at: longAgo }));
    const { access_token } = await login();
    assert.equal(await redis.hexists(at, "old"), 0);
    await redis.hset(at, "old", JSON.stringify({ id: "old", started_at: longAgo, refreshed_at: longAgo }));
    const { body } = await auth.as(access_token).get("/api/auth/sessions").expect(200);
    assert.ok(body.data.length > 0);
    assert.ok(body.data.every(({ id }: { id: string }) => id !== "old"));
  });

  test("the keys are the tenant's, and live as long as they are needed", async () => {
    const { redis } = auth.state;
    const { access_token } = await login();
    const { jti } = decodeJwt(access_token);
    const sessionTtl = await redis.ttl(key(`session:${userId}`));
    assert.ok(sessionTtl > DAY_SECONDS - 60 && sessionTtl <= DAY_SECONDS, String(sessionTtl));
    assert.equal(await redis.exists(key(`blacklist:${jti}`)), 0);
    await auth.as(access_token).post("/api/auth/logout").expect(204);
    const revokedTtl = await redis.ttl(key(`blacklist:${jti}`));
    assert.ok(revokedTtl > 840 && revokedTtl <= 905, String(revokedTtl));
  });
});

describe("failed logins", () => {
  test("are counted for an address, a quarter of an hour; logins that succeed are not", async () => {
    const auth = await startAuthCrm(await sharedRedisUrl(), { maxFailures: 3 });
    try {
      await auth.addUser("maria@a.example");
      const attempt = (password: string) =>
        auth.post("/login", { tenant_id: TENANT_A, email: "maria@a.example", password });
      for (let n = 0; n < 5; n++) await attempt(PASSWORD).expect(200);
      for (let n = 0; n < 3; n++) await attempt("wrong").expect(401);
      const refused = await attempt(PASSWORD).expect(429);
      assert.ok(Number(refused.headers["retry-after"]) > 0);
      const limit = `${auth.keyPrefix}state:tenant:${TENANT_A}:auth:rate-limit:127.0.0.1`;
      const ttl = await auth.state.redis.ttl(limit);
      assert.ok(ttl > 840 && ttl <= 900, String(ttl));
    } finally {
      await auth.close();
    }
  });
});
