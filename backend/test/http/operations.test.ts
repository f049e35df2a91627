// The cache's operations by HTTP: admins ask about their tenant, superadmins about all, and nobody else about anything.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type Crm, cacheStatus, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

const OPS = "/ops/cache-api";

describe("operations of the cache", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm("redis");
  });
  afterAll(() => crm.close());

  /** Without the description: no client of the API asks this. */
  async function ask(token: string, path: string, json?: object) {
    const response = await fetch(`${crm.url}${OPS}${path}`, {
      headers: {
        ...(token !== "" && { authorization: `Bearer ${token}` }),
        ...(json && { "content-type": "application/json" }),
      },
      ...(json && { method: "POST", body: JSON.stringify(json) }),
    });
    const { data, error } = JSON.parse(await response.text());
    return { status: response.status, data, error };
  }

  test("who may ask", async () => {
    const admin = await ask(await crm.token("admin", TENANT_A), "");
    assert.deepEqual(admin.data.access.tenants, [TENANT_A]);
    assert.equal((await ask(await crm.token("superadmin"), "")).data.access.tenants, "all");
    for (const token of [
      await crm.token("viewer", TENANT_A),
      await crm.token("member", TENANT_A),
      "",
      "x.y.z",
    ])
      for (const path of ["", "/stats", "/stats?tenant=x", "/causes?tenant=x", "/nothing"])
        assert.equal((await ask(token, path)).status, 403, path);
  });

  test("an admin explains a list as what is asked next, in the own tenant alone", async () => {
    const client = await crm.client("admin", TENANT_A);
    const token = await crm.token("admin", TENANT_A);
    const explain = async (tenant: string) =>
      ask(token, `/explain?tenant=${tenant}&url=${encodeURIComponent("/api/accounts?limit=5")}`);
    const before = await explain(TENANT_A);
    assert.equal(before.data.verdict, "miss");
    assert.equal(before.data.route.module, "accounts");
    await client.get("/api/accounts?limit=5").expect(200);
    await crm.cache.idle();
    const after = await explain(TENANT_A);
    assert.equal(after.data.verdict, "hit");
    assert.equal(cacheStatus(await client.get("/api/accounts?limit=5")), "hit");
    assert.equal((await explain(TENANT_B)).status, 403);
    await client.post("/api/accounts", { name: "ACME" }).expect(201);
    const fenced = await explain(TENANT_A);
    assert.equal(fenced.data.verdict, "miss");
    assert.equal(fenced.data.miss.reason, "fenced");
    const [by] = fenced.data.miss.fencedBy;
    assert.deepEqual(
      [by.fence, by.cause.kind, by.cause.name],
      ["module accounts", "route", "POST /api/accounts"],
    );
    const { data } = await ask(token, `/causes?tenant=${TENANT_A}&module=accounts`);
    assert.equal(data.causes[0].name, "POST /api/accounts");
  });

  test("a superadmin explains in any tenant, and purges it with a reason", async () => {
    const client = await crm.client("admin", TENANT_B);
    await client.get("/api/contacts").expect(200);
    await crm.cache.idle();
    const token = await crm.token("superadmin");
    const explain = () => ask(token, `/explain?tenant=${TENANT_B}&url=/api/contacts`);
    assert.equal((await explain()).data.verdict, "hit");
    const json = { scope: "modules", tenant: TENANT_B, names: ["contacts"], reason: "a test of purges" };
    const { data } = await ask(token, "/purge", json);
    assert.equal(data.entries, 1);
    assert.equal((await ask(token, "/purge", { ...json, plan: data.plan })).data.confirmed, true);
    const { miss } = (await explain()).data;
    assert.equal(miss.fencedBy[0].cause.reason, "a test of purges");
  });
});
