// The console in the CRM: who gets in, by which cookie, and what an admin sees of other tenants.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import supertest from "supertest";
import { closeAfterTest } from "../../servers/in-test.js";
import { sharedRedisUrl } from "../../servers/index.js";
import { type AuthCrm, PASSWORD, startAuthCrm } from "../support/auth-crm.js";
import { atConsole, logIn } from "../support/console-person.js";
import { type Crm, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

describe("/ops/cache", () => {
  let crm: Crm;

  beforeAll(async () => {
    crm = await startCrm("memory");
  });
  afterAll(() => crm.close());

  const login = (token: string, headers: Record<string, string> = { "sec-fetch-site": "same-origin" }) =>
    supertest(crm.app).post("/ops/login").set(headers).type("form").send({ token });

  test("a browser without a login is led to it, and a bearer token alone is none", async () => {
    const token = await crm.token("admin", TENANT_A);
    const answer = await supertest(crm.app).get("/ops/cache/").auth(token, { type: "bearer" });
    assert.deepEqual([answer.status, answer.headers.location], [303, "../login"]);
    assert.equal((await supertest(crm.app).get("/ops/login")).status, 200);
  });

  test("an admin sees the own tenant, a superadmin all, others nothing; the cookie is HttpOnly and Strict", async () => {
    const seen = async (role: "admin" | "superadmin") => {
      const answer = await login(await crm.token(role, TENANT_A));
      assert.deepEqual([answer.status, answer.headers.location], [303, "cache/"]);
      const [cookie = ""] = answer.get("Set-Cookie") ?? [];
      assert.match(cookie, /Path=\/ops;.*HttpOnly; SameSite=Strict/);
      const page = await supertest(crm.app)
        .get("/ops/cache/tenants")
        .set("cookie", cookie.split(";")[0] ?? "");
      assert.equal(page.status, 200);
      return page.text;
    };
    await (await crm.client("member", TENANT_B)).get("/api/accounts").expect(200);
    assert.doesNotMatch(await seen("admin"), new RegExp(TENANT_B));
    assert.match(await seen("superadmin"), new RegExp(TENANT_B));
    for (const role of ["viewer", "member"] as const)
      assert.equal((await login(await crm.token(role, TENANT_A))).status, 401, role);
  });

  test("an explanation is asked as the operator, for the tenant: a superadmin's for any, an admin's for the own", async () => {
    const cookieOfRole = async (role: "admin" | "superadmin") => {
      const answer = await login(await crm.token(role, role === "admin" ? TENANT_A : undefined));
      return (answer.get("Set-Cookie") ?? [])[0]?.split(";")[0] ?? "";
    };
    await (await crm.client("member", TENANT_B)).get("/api/accounts").expect(200);
    const explain = async (role: "admin" | "superadmin", tenant: string) =>
      supertest(crm.app)
        .get("/ops/cache/explain")
        .query({ tenant, url: "/api/accounts" })
        .set("cookie", await cookieOfRole(role));
    const theirs = await explain("superadmin", TENANT_B);
    assert.match(theirs.text, /<h2>hit/);
    const own = await explain("admin", TENANT_A);
    assert.match(own.text, /<h2>miss: cold/);
    assert.equal((await explain("admin", TENANT_B)).status, 403);
  });

  test("pages count into the rate limit of whoever asks, as routes do", async () => {
    const limited = await startCrm("memory", { rateLimit: { max: 3, windowSeconds: 3600 } });
    closeAfterTest(limited);
    // The login counts by the address.
    const ada = await atConsole(limited.url, await limited.token("admin", TENANT_A));
    const sue = await atConsole(limited.url, await limited.token("superadmin"));
    for (let asked = 0; asked < 3; asked++) assert.equal((await ada.get("modules")).status, 200);
    const { status, text } = await ada.get("modules");
    assert.equal(status, 429);
    assert.doesNotMatch(text, /<table/);
    assert.equal((await sue.get("modules")).status, 200);
  });

  test("another site logs nobody in, and a token that is none does not", async () => {
    const token = await crm.token("admin", TENANT_A);
    assert.equal((await login(token, { "sec-fetch-site": "cross-site" })).status, 401);
    assert.equal((await login(token, {})).status, 401);
    assert.equal((await login("nonsense")).status, 401);
  });
});

describe("signing out of /ops", () => {
  let auth: AuthCrm;
  beforeAll(async () => {
    auth = await startAuthCrm(await sharedRedisUrl());
    await auth.addUser("ada@a.example", { role: "admin" });
  });
  afterAll(() => auth.close());

  const session = async () => {
    const body = { tenant_id: TENANT_A, email: "ada@a.example", password: PASSWORD };
    const { access_token, refresh_token } = (await auth.post("/login", body).expect(200)).body.data;
    return { access_token, refresh_token, ada: await atConsole(auth.crm.url, access_token) };
  };

  test("ends the session on the server, in every process, and the cookie", async () => {
    const { access_token, refresh_token, ada } = await session();
    assert.equal((await ada.get("")).status, 200);
    await auth.as(access_token).get("/api/accounts").expect(200);
    const left = await ada.post("sign-out", {});
    assert.deepEqual([left.status, left.headers.get("location")], [303, "../login"]);
    assert.match(left.headers.get("set-cookie") ?? "", /crm-ops=; Path=\/ops; Expires=Thu, 01 Jan 1970/);
    // The cookie itself, if somebody has kept it, is good for nothing.
    const again = await ada.get("");
    assert.deepEqual([again.status, again.headers.get("location")], [303, "../login"]);
    await auth.as(access_token).get("/api/accounts").expect(401);
    await auth.neighbour.as(access_token).get("/api/accounts").expect(401);
    await auth.post("/refresh", { refresh_token }).expect(401);
    assert.equal((await logIn(auth.crm.url, access_token)).status, 401);
  });

  test("a form that was forged ends nothing, nor does a GET", async () => {
    const { access_token, ada } = await session();
    assert.equal((await ada.post("sign-out", { token: "x" })).status, 403);
    assert.equal((await ada.get("sign-out")).status, 405);
    assert.equal((await ada.get("")).status, 200);
    await auth.as(access_token).get("/api/accounts").expect(200);
  });

  test("where tokens are an identity provider's, the cookie is ended", async () => {
    const crm = await startCrm("memory");
    closeAfterTest(crm);
    const ada = await atConsole(crm.url, await crm.token("admin", TENANT_A));
    const left = await ada.post("sign-out", {});
    assert.equal(left.status, 303);
    assert.match(left.headers.get("set-cookie") ?? "", /crm-ops=; Path=\/ops; Expires=Thu, 01 Jan 1970/);
  });
});
