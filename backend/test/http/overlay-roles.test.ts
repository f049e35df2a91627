// Overlay roles: where they are given, what a token says of them, and that who loses one loses the tokens.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { decodeJwt } from "jose";
import { includesOverlayRole } from "../../http/identity/auth.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { type RedisServer, startRedisServer } from "../../servers/index.js";
import { issueToken } from "../../services/tokens.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { SECRET, TENANT_A } from "../support/crm.js";

describe("overlay roles", () => {
  let redis: RedisServer;
  let auth: AuthCrm;
  beforeAll(async () => {
    redis = await startRedisServer({ service: "redis" });
    auth = await startAuthCrm(redis.url);
  });
  afterAll(async () => {
    await auth.close();
    await redis.stop();
  });

  const login = async (email: string) => {
    const { body } = await auth
      .post("/login", { tenant_id: TENANT_A, email, password: PASSWORD })
      .expect(200);
    return body.data;
  };

  test("an admin gives them, a token says them, and changing them ends what was given", async () => {
    const admin = await auth.crm.client("admin", TENANT_A);
    const id = await auth.addUser("ada@a.example");
    const before = (await login("ada@a.example")).access_token;
    assert.equal(decodeJwt(before).overlay_roles, undefined);
    const document = { email: "ada@a.example", name: "Ada", role: "member" };
    const { body } = await admin
      .put(`/api/users/${id}`, { ...document, overlay_roles: ["supervisor", "agent", "agent"] })
      .expect(200);
    assert.deepEqual(body.data.overlay_roles, ["agent", "supervisor"]);
    await auth.as(before).get("/api/accounts").expect(401);
    const after = (await login("ada@a.example")).access_token;
    assert.deepEqual(decodeJwt(after).overlay_roles, ["agent", "supervisor"]);
    // The same once more changes nothing.
    await admin.put(`/api/users/${id}`, { ...document, overlay_roles: ["agent", "supervisor"] }).expect(200);
    await auth.as(after).get("/api/accounts").expect(200);
  });

  test("others than the three are refused, in a user and in a token", async () => {
    const admin = await auth.crm.client("admin", TENANT_A);
    await admin.post("/api/users", { email: "x@a.example", name: "X", overlay_roles: ["owner"] }).expect(400);
    const verify = createTokenVerifier({ secret: SECRET });
    const token = (overlayRoles: string[]) =>
      issueToken({
        secret: SECRET,
        subject: "x",
        role: "viewer",
        tenantId: TENANT_A,
        overlayRoles: overlayRoles as "agent"[],
      });
    assert.deepEqual((await verify(await token(["auditor"]))).overlayRoles, ["auditor"]);
    await assert.rejects(verify(await token(["owner"])), /overlay_roles/);
  });

  test("a supervisor may what an agent may, an auditor neither", () => {
    assert.ok(includesOverlayRole(["supervisor"], "agent"));
    assert.ok(!includesOverlayRole(["agent"], "supervisor"));
    assert.ok(!includesOverlayRole(["auditor"], "agent"));
    assert.ok(!includesOverlayRole(["supervisor"], "auditor"));
  });
});
