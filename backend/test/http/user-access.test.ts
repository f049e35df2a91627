// Users that an admin makes: how they get in, the change of their password, and their invitations.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest } from "../../servers/in-test.js";
import { sharedRedisUrl } from "../../servers/index.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

const OWN = "a password of one's own";

describe("users that an admin makes", () => {
  let auth: AuthCrm;
  let adminToken: string;
  const logIn = (email: string, password: string, tenantId = TENANT_A) =>
    auth.post("/login", { tenant_id: tenantId, email, password });
  const makeUser = (body: object) => auth.as(adminToken).post("/api/users", body);

  beforeAll(async () => {
    auth = await startAuthCrm(await sharedRedisUrl());
    await auth.addUser("admin@a.example", { role: "admin" });
    adminToken = (await logIn("admin@a.example", PASSWORD).expect(200)).body.data.access_token;
  });
  afterAll(() => auth.close());

  test("with a password: they log in, are told to change it, can do nothing else, and change it", async () => {
    const made = await makeUser({ email: "new@a.example", name: "New", password: "from the admin" }).expect(
      201,
    );
    assert.ok(!JSON.stringify(made.body).includes("password"));
    assert.equal(made.headers["cache-control"], "no-store");
    const other = (await logIn("new@a.example", "from the admin").expect(200)).body.data;
    const first = (await logIn("new@a.example", "from the admin").expect(200)).body.data;
    assert.equal(first.password_change_required, true);
    for (const process of [auth, auth.neighbour]) {
      for (const path of ["/api/accounts", "/api/users", "/api/system/cache-stats"]) {
        const refused = await process.as(first.access_token).get(path).expect(403);
        assert.match(refused.body.detail, /POST \/api\/auth\/password/);
      }
    }
    // A refresh is no way round.
    const refreshed = (await auth.post("/refresh", { refresh_token: first.refresh_token }).expect(200)).body
      .data;
    assert.equal(refreshed.password_change_required, true);
    await auth.as(refreshed.access_token).get("/api/accounts").expect(403);

    const change = (body: object) => auth.as(refreshed.access_token).post("/api/auth/password", body);
    await change({ current_password: "wrong", new_password: OWN }).expect(401);
    await change({ current_password: "from the admin", new_password: "from the admin" }).expect(400);
    const short = await change({ current_password: "from the admin", new_password: "short" }).expect(400);
    assert.equal(short.body.errors[0].pointer, "#/new_password");
    const changed = (await change({ current_password: "from the admin", new_password: OWN }).expect(200)).body
      .data;
    assert.equal(changed.password_change_required, false);
    await auth.neighbour.as(changed.access_token).get("/api/accounts").expect(200);
    // What was issued for the old password is good for nothing, in any process.
    for (const old of [other, first, refreshed]) {
      await auth.neighbour.as(old.access_token).get("/api/accounts").expect(401);
      await auth.post("/refresh", { refresh_token: old.refresh_token }).expect(401);
    }
    await logIn("new@a.example", "from the admin").expect(401);
    assert.equal((await logIn("new@a.example", OWN).expect(200)).body.data.password_change_required, false);
  });

  test("of two changes at once one succeeds, and its password is the one that counts", async () => {
    await auth.addUser("twice@a.example");
    const { access_token } = (await logIn("twice@a.example", PASSWORD).expect(200)).body.data;
    const wanted = ["the first of two", "the second of two"];
    const answers = await Promise.all(
      wanted.map((new_password) =>
        auth.as(access_token).post("/api/auth/password", { current_password: PASSWORD, new_password }),
      ),
    );
    const winners = wanted.filter((_password, n) => answers[n]?.status === 200);
    assert.equal(winners.length, 1);
    await logIn("twice@a.example", winners[0] ?? "").expect(200);
  });

  test("must_change_password: false leaves the password as it is", async () => {
    await makeUser({ email: "kept@a.example", name: "K", password: OWN, must_change_password: false }).expect(
      201,
    );
    const { access_token } = (await logIn("kept@a.example", OWN).expect(200)).body.data;
    await auth.as(access_token).get("/api/accounts").expect(200);
  });

  test("invited: the invitation is good once, for a password of their own", async () => {
    const made = await makeUser({ email: "invited@a.example", name: "I", invite: true }).expect(201);
    const { token, expires_at: expiresAt } = made.body.data.invitation;
    assert.ok(Date.parse(expiresAt) > Date.now());
    await logIn("invited@a.example", OWN).expect(401);
    await auth.as(token).get("/api/accounts").expect(401);
    await auth.post("/refresh", { refresh_token: token }).expect(401);
    await auth.post("/invitation", { invitation: adminToken, password: OWN }).expect(401);
    await auth.post("/invitation", { invitation: token, password: "short" }).expect(400);
    const accepted = await auth.post("/invitation", { invitation: token, password: OWN }).expect(200);
    assert.equal(accepted.headers["cache-control"], "no-store");
    await auth.neighbour.as(accepted.body.data.access_token).get("/api/accounts").expect(200);
    await auth.post("/invitation", { invitation: token, password: "another one" }).expect(401);
    await logIn("invited@a.example", OWN).expect(200);
  });

  test("invited again: the second invitation takes the place of the first, and an older password stays good until it is accepted", async () => {
    const made = (await makeUser({ email: "again@a.example", name: "A", invite: true }).expect(201)).body
      .data;
    const invite = (id: string, token = adminToken) => auth.as(token).post(`/api/users/${id}/invitation`);
    const again = await invite(made.id).expect(201);
    assert.equal(again.headers["cache-control"], "no-store");
    const { email, invitation } = again.body.data;
    assert.equal(email, "again@a.example");
    assert.ok(Date.parse(invitation.expires_at) > Date.now());
    await auth.post("/invitation", { invitation: made.invitation.token, password: OWN }).expect(401);
    await auth.neighbour.post("/invitation", { invitation: invitation.token, password: OWN }).expect(200);

    const { token } = (await invite(made.id).expect(201)).body.data.invitation;
    const { access_token } = (await logIn("again@a.example", OWN).expect(200)).body.data;
    await invite(made.id, access_token).expect(403);
    await auth.post("/invitation", { invitation: token, password: "another one" }).expect(200);
    await logIn("again@a.example", OWN).expect(401);

    await invite("00000000-0000-4000-8000-000000000000").expect(404);
    await invite("none").expect(404);
    await auth.crm.pool.query("UPDATE users SET is_active = false WHERE id = $1", [made.id]);
    assert.match((await invite(made.id).expect(409)).body.detail, /deactivated/);
  });

  test("an invitation of a deactivated user is good for nothing", async () => {
    const user = { email: "gone@a.example", name: "G" };
    const { id, invitation } = (await makeUser({ ...user, invite: true }).expect(201)).body.data;
    await auth.crm.pool.query("UPDATE users SET is_active = false WHERE id = $1", [id]);
    await auth.post("/invitation", { invitation: invitation.token, password: OWN }).expect(401);
  });

  test("bodies are validated, and nothing is made of one that is wrong", async () => {
    const user = { email: "wrong@a.example", name: "W" };
    for (const [more, pointer] of [
      [{ password: "short" }, "#/password"],
      [{ password: OWN, invite: true }, "#/invite"],
      [{ password_hash: "x" }, "#/password_hash"],
    ] as const) {
      const { body } = await makeUser({ ...user, ...more }).expect(400);
      assert.equal(body.errors[0].pointer, pointer);
    }
    const { rowCount } = await auth.crm.pool.query("SELECT 1 FROM users WHERE email = 'wrong@a.example'");
    assert.equal(rowCount, 0);
    await makeUser(user).expect(201);
    await makeUser({ ...user, password: OWN }).expect(409);
    await logIn("wrong@a.example", OWN).expect(401);
    await logIn("wrong@a.example", OWN, TENANT_B).expect(401);
  });

  test("where nobody can log in, a password or an invitation is refused, and a plain user is made", async () => {
    const crm = await startCrm();
    afterTest(() => crm.close());
    const admin = await crm.client("admin", TENANT_A);
    await admin.post("/api/users", { email: "p@a.example", name: "P", password: OWN }).expect(503);
    await admin.post("/api/users", { email: "p@a.example", name: "P", invite: true }).expect(503);
    const { body } = await admin.post("/api/users", { email: "p@a.example", name: "P" }).expect(201);
    await admin.post(`/api/users/${body.data.id}/invitation`, {}).expect(503);
  });
});
