// Who may do what: tokens that are refused, roles, and the choice of a tenant.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { drain, listen } from "../../http/http-server.js";
import { createTokenVerifier } from "../../http/identity/token-verifier.js";
import { issueToken } from "../../services/tokens.js";
import { type Crm, SECRET, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

const GOOD_CLAIMS: JWTPayload = { sub: "someone", role: "viewer", tenant_id: TENANT_A };
const inAnHour = () => Math.floor(Date.now() / 1000) + 3600;
const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

async function sign(claims: JWTPayload, { secret = SECRET, alg = "HS256" } = {}): Promise<string> {
  return await new SignJWT({ exp: inAnHour(), ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));
}

describe("tokens", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm();
  });
  afterAll(() => crm.close());

  const refused = async (authorization: string | undefined) => {
    const response = await crm.withAuthorization(authorization).get("/api/accounts");
    assert.equal(response.status, 401);
    assert.match(response.headers["content-type"] ?? "", /^application\/problem\+json/);
    assert.match(response.headers["www-authenticate"] ?? "", /^Bearer realm="crm"/);
    assert.equal(response.headers["cache-status"], undefined);
    assert.equal(response.body.status, 401);
    return response;
  };

  test("a good token is accepted; the scheme's case does not matter", async () => {
    await crm
      .withAuthorization(`bearer ${await sign(GOOD_CLAIMS)}`)
      .get("/api/accounts")
      .expect(200);
  });

  test("no token, no bearer token, and rubbish are refused", async () => {
    const none = await refused(undefined);
    assert.doesNotMatch(none.headers["www-authenticate"] ?? "", /error=/);
    await refused("Basic YTpi");
    await refused("Bearer");
    await refused("Bearer not.a.token");
    await refused(`Bearer ${await sign(GOOD_CLAIMS)} extra`);
    await refused(`Bearer ${"x".repeat(9000)}`);
  });

  test("forged tokens are refused", async () => {
    await refused(`Bearer ${await sign(GOOD_CLAIMS, { secret: "another-secret-with-just-as-many-bytes" })}`);
    await refused(`Bearer ${base64url({ alg: "none" })}.${base64url({ ...GOOD_CLAIMS, exp: inAnHour() })}.`);
    const [header, , signature] = (await sign(GOOD_CLAIMS)).split(".");
    await refused(
      `Bearer ${header}.${base64url({ ...GOOD_CLAIMS, tenant_id: TENANT_B, exp: inAnHour() })}.${signature}`,
    );
    await refused(`Bearer ${await sign(GOOD_CLAIMS, { alg: "HS512" })}`);
    const { privateKey } = await generateKeyPair("RS256");
    const rsa = await new SignJWT({ ...GOOD_CLAIMS, exp: inAnHour() })
      .setProtectedHeader({ alg: "RS256" })
      .sign(privateKey);
    await refused(`Bearer ${rsa}`);
  });

  test("expired tokens, and tokens that never expire, are refused", async () => {
    const expired = await refused(`Bearer ${await sign({ ...GOOD_CLAIMS, exp: inAnHour() - 7200 })}`);
    assert.equal(expired.body.detail, "The token has expired.");
    const unsigned = `${base64url({ alg: "HS256" })}.${base64url(GOOD_CLAIMS)}`;
    const endless = `${unsigned}.${createHmac("sha256", SECRET).update(unsigned).digest("base64url")}`;
    await refused(`Bearer ${endless}`);
    await refused(`Bearer ${await sign({ ...GOOD_CLAIMS, nbf: inAnHour() })}`);
  });

  test("tenant ids that are no UUIDs never become keys", async () => {
    const ids = [
      "*",
      `${TENANT_A}\n`,
      `\n${TENANT_A}`,
      "a:b",
      "{a}",
      "",
      " ",
      "..",
      `${TENANT_A}*`,
      7,
      null,
      [TENANT_A],
      {},
    ];
    for (const tenant_id of ids) await refused(`Bearer ${await sign({ ...GOOD_CLAIMS, tenant_id })}`);
    await refused(`Bearer ${await sign({ sub: "someone", role: "viewer" })}`);
    await crm.cache.idle();
    const stats = await crm.cache.stats({ perTenant: true });
    assert.deepEqual(Object.keys(stats.tenants ?? {}), [TENANT_A]);
  });

  test("a tenant id in capitals is the same tenant", async () => {
    const member = await crm.client("member", TENANT_A);
    const shouting = await crm.client("member", TENANT_A.toUpperCase());
    await member.get("/api/leads").expect(200);
    await shouting.post("/api/leads", { last_name: "Case", company: "Insensitive" }).expect(201);
    const list = await member.get("/api/leads").expect(200);
    assert.equal(list.body.pagination.total, 1);
  });

  test("unknown roles and missing subjects are refused", async () => {
    await refused(`Bearer ${await sign({ ...GOOD_CLAIMS, role: "root" })}`);
    await refused(`Bearer ${await sign({ ...GOOD_CLAIMS, role: ["superadmin"] })}`);
    await refused(`Bearer ${await sign({ role: "viewer", tenant_id: TENANT_A })}`);
  });
});

describe("tokens of an identity provider", () => {
  test("its keys are accepted, its public key is no secret, and its absence is 503", async () => {
    const { publicKey, privateKey } = await generateKeyPair("RS256", { extractable: true });
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "k1", alg: "RS256", use: "sig" }] };
    const provider = createServer((_req, res) =>
      res.setHeader("Content-Type", "application/json").end(JSON.stringify(keys)),
    );
    const { port } = await listen(provider, 0, "127.0.0.1");
    // A failure below must not leave the test process waiting for it.
    provider.unref();
    const options = {
      jwksUrl: `http://127.0.0.1:${port}/jwks`,
      issuer: "https://id.example.com",
      audience: "crm",
    };
    const verify = createTokenVerifier(options);
    const rs256 = (claims: JWTPayload) =>
      new SignJWT({ ...GOOD_CLAIMS, exp: inAnHour(), iss: options.issuer, aud: "crm", ...claims })
        .setProtectedHeader({ alg: "RS256", kid: "k1" })
        .sign(privateKey);
    const expiresAt = inAnHour();
    assert.deepEqual(await verify(await rs256({ exp: expiresAt })), {
      subject: "someone",
      role: "viewer",
      tenantId: TENANT_A,
      expiresAtMs: expiresAt * 1000,
    });
    await assert.rejects(verify(await rs256({ iss: "https://evil.example.com" })), { status: 401 });
    await assert.rejects(verify(await rs256({ aud: "something else" })), { status: 401 });

    // The classic confusion: the public key, which everybody has, used as the secret of an HMAC.
    const confused = await new SignJWT({ ...GOOD_CLAIMS, exp: inAnHour(), iss: options.issuer, aud: "crm" })
      .setProtectedHeader({ alg: "HS256", kid: "k1" })
      .sign(new TextEncoder().encode(await exportSPKI(publicKey)));
    await assert.rejects(verify(confused), { status: 401 });

    const unused = createTokenVerifier(options);
    const good = await rs256({});
    await drain(provider, 0);
    await assert.rejects(unused(good), { status: 503 });
  });
});

describe("roles and tenants", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm();
  });
  afterAll(() => crm.close());

  test("viewers read, members write, admins see the statistics", async () => {
    const viewer = await crm.client("viewer", TENANT_A);
    const member = await crm.client("member", TENANT_A);
    const admin = await crm.client("admin", TENANT_A);
    await viewer.get("/api/accounts").expect(200);
    const refused = await viewer.post("/api/accounts", { name: "No" }).expect(403);
    assert.equal(refused.body.detail, "This needs the role member.");
    const { id } = (await member.post("/api/accounts", { name: "Yes" }).expect(201)).body.data;
    await viewer.put(`/api/accounts/${id}`, { name: "No" }).expect(403);
    await viewer.delete(`/api/accounts/${id}`).expect(403);
    await viewer.post(`/api/leads/${id}/convert`).expect(403);
    await viewer.post(`/api/bizdevsources/${id}/promote`).expect(403);
    await member.get("/api/system/cache-stats").expect(403);
    await admin.get("/api/system/cache-stats").expect(200);
    await crm.withAuthorization().get("/api/system/cache-stats").expect(401);
  });

  test("tenant_id must agree with the token", async () => {
    const member = await crm.client("admin", TENANT_A);
    await member.get(`/api/accounts?tenant_id=${TENANT_A}`).expect(200);
    await member.get(`/api/accounts?tenant_id=${TENANT_A.toUpperCase()}`).expect(200);
    const refused = await member.get(`/api/accounts?tenant_id=${TENANT_B}`).expect(403);
    assert.equal(refused.headers["cache-status"], undefined);
    await member.post(`/api/accounts?tenant_id=${TENANT_B}`, { name: "No" }).expect(403);
    await member.get(`/api/system/cache-stats?tenant_id=${TENANT_B}`).expect(403);
    for (const id of ["*", "", `${TENANT_A}%0A`, `${TENANT_A}&tenant_id=${TENANT_B}`]) {
      await member.get(`/api/accounts?tenant_id=${id}`).expect(400);
    }
    await member.get(`/api/accounts?tenant_id[]=${TENANT_B}`).expect(400);
  });

  test("a superadmin chooses: the answer, and the cache, are those of the chosen tenant", async () => {
    const root = await crm.client("superadmin");
    await root.get("/api/accounts").expect(400);
    const name = "Only in B";
    await root.post(`/api/accounts?tenant_id=${TENANT_B}`, { name }).expect(201);
    const inB = await root.get(`/api/accounts?tenant_id=${TENANT_B}`).expect(200);
    assert.deepEqual(
      inB.body.data.map((account: { name: string }) => account.name),
      [name],
    );
    const inA = await root.get(`/api/accounts?tenant_id=${TENANT_A}&q=only`).expect(200);
    assert.deepEqual(inA.body.data, []);

    // A write by the superadmin reaches what B's own users have cached.
    const viewer = await crm.client("viewer", TENANT_B);
    await viewer.get("/api/accounts").expect(200);
    await root.post(`/api/accounts?tenant_id=${TENANT_B}`, { name: "Another" }).expect(201);
    assert.equal((await viewer.get("/api/accounts").expect(200)).body.pagination.total, 2);
  });

  test("statistics: an admin sees the own tenant only, a superadmin all or one", async () => {
    await (await crm.client("viewer", TENANT_B)).get("/api/contacts").expect(200);
    await crm.cache.idle();
    const own = (await (await crm.client("admin", TENANT_A)).get("/api/system/cache-stats").expect(200)).body
      .data;
    assert.equal(own.tenants, undefined);
    assert.equal(own.modules.contacts, undefined);
    const root = await crm.client("superadmin");
    const all = (await root.get("/api/system/cache-stats").expect(200)).body.data;
    assert.ok(all.tenants[TENANT_A] && all.tenants[TENANT_B]);
    assert.equal(all.tenants[TENANT_B].modules.contacts.sets, 1);
    assert.deepEqual([all.store.kind, all.store.connected], ["memory", true]);
    const one = (await root.get(`/api/system/cache-stats?tenant_id=${TENANT_B}`).expect(200)).body.data;
    assert.equal(one.tenants, undefined);
    assert.equal(one.modules.contacts.sets, 1);
  });

  test("issued tokens carry issuer and audience where they are asked for", async () => {
    const verify = createTokenVerifier({ secret: SECRET, issuer: "crm-demo", audience: "crm" });
    const options = { secret: SECRET, subject: "s", role: "member", tenantId: TENANT_A } as const;
    const token = await issueToken({ ...options, jti: "t1", issuer: "crm-demo", audience: "crm" });
    const { expiresAtMs, ...auth } = await verify(token);
    assert.deepEqual(auth, { subject: "s", role: "member", tenantId: TENANT_A, jti: "t1" });
    assert.ok(expiresAtMs > Date.now());
    await assert.rejects(verify(await issueToken(options)), { status: 401 });
  });
});
