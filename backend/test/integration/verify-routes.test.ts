// The CRM's routes keep what the cache guarantees: they pass the kit that users run on their own.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { verifyRoutes } from "express-tenant-cache/testing";
import { type Crm, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";

describe("the CRM's routes", () => {
  let crm: Crm;
  beforeAll(async () => {
    crm = await startCrm("redis");
  });
  afterAll(() => crm.close());

  test("keeps the guarantees", async () => {
    const ids: string[] = [];
    for (const tenant of [TENANT_A, TENANT_B]) {
      const client = await crm.client("member", tenant);
      const account = await client.post("/api/accounts", { name: `Of ${tenant}` });
      ids.push(account.body.data.id);
      await client.post("/api/leads", { last_name: "Doe", company: `Of ${tenant}` });
    }
    const [idA = "", idB = ""] = ids;
    const authorization = async (role: "member" | "viewer", tenant: string) => ({
      authorization: `Bearer ${await crm.token(role, tenant)}`,
    });
    const report = await verifyRoutes({
      // Nothing is waited for in vain here: only a busy machine takes long.
      timeoutMs: 60_000,
      app: crm.app,
      cache: crm.cache,
      tenants: [
        {
          headers: await authorization("member", TENANT_A),
          views: [await authorization("viewer", TENANT_A)],
        },
        { headers: await authorization("member", TENANT_B) },
      ],
      routes: [
        {
          path: "/api/accounts?sort=name",
          mutate: (round) => ({ method: "POST", path: "/api/accounts", body: { name: `Account ${round}` } }),
        },
        {
          path: "/api/accounts/:id",
          params: [{ id: idA }, { id: idB }],
          mutate: (round) => ({
            method: "PUT",
            path: "/api/accounts/:id",
            body: { name: `Renamed ${round}` },
          }),
        },
        {
          path: "/api/leads/count?company=x",
          mutate: { method: "POST", path: "/api/leads", body: { last_name: "Roe", company: "x" } },
        },
      ],
    });
    const others = report.checks.filter(({ outcome }) => outcome !== "ok");
    // Without somebody who takes the store away, the check of an outage is not made.
    assert.deepEqual(
      others.map(({ name, outcome, details }) => [name, outcome, outcome === "skipped" ? "" : details]),
      Array.from({ length: 3 }, () => ["outage", "skipped", ""]),
    );
    assert.ok(report.checks.length > 3 * 10);
  });
});
