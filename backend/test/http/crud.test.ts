// Create, read, replace and delete, in every module and with both stores.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { CRM_STORES, type Crm, type CrmClient, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { SAMPLE_MODULES } from "../support/records.js";

for (const store of CRM_STORES) {
  describe(`modules over HTTP, ${store} store`, () => {
    let crm: Crm;
    let member: CrmClient;
    let other: CrmClient;

    beforeAll(async () => {
      crm = await startCrm(store);
      member = await crm.client("member", TENANT_A);
      other = await crm.client("member", TENANT_B);
    });
    afterAll(() => crm.close());

    for (const { name, document, change, invalid } of SAMPLE_MODULES) {
      const path = `/api/${name}`;

      test(`${name}: what is created can be read, replaced and deleted`, async () => {
        const created = await member.post(path, document(1)).expect(201);
        const { id } = created.body.data;
        assert.equal(created.headers.location, `${path}/${id}`);
        for (const [field, value] of Object.entries(document(1)))
          assert.deepEqual(created.body.data[field], value);
        assert.match(created.body.data.created_at, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
        const shown = Object.keys(created.body.data);
        assert.deepEqual(
          shown.filter((field) => /tenant_id|_key$|search_text/.test(field)),
          [],
        );

        const read = await member.get(`${path}/${id}`).expect(200);
        assert.deepEqual(read.body.data, created.body.data);

        const replacement = { ...document(2), ...change };
        const replaced = await member.put(`${path}/${id}`, replacement).expect(200);
        for (const [field, value] of Object.entries(replacement))
          assert.deepEqual(replaced.body.data[field], value);
        assert.ok(replaced.body.data.updated_at > created.body.data.updated_at);
        assert.equal(replaced.body.data.created_at, created.body.data.created_at);
        const reread = await member.get(`${path}/${id}`).expect(200);
        assert.deepEqual(reread.body.data, replaced.body.data);

        await member.delete(`${path}/${id}`).expect(204);
        await member.get(`${path}/${id}`).expect(404);
        await member.delete(`${path}/${id}`).expect(404);
        await member.put(`${path}/${id}`, document(1)).expect(404);
      });

      test(`${name}: PUT clears what it leaves out`, async () => {
        const created = await member.post(path, { ...document(3), description: "to be cleared" }).expect(201);
        assert.equal(created.body.data.description, "to be cleared");
        const replaced = await member.put(`${path}/${created.body.data.id}`, document(3)).expect(200);
        assert.equal(replaced.body.data.description, null);
      });

      test(`${name}: another tenant's record does not exist`, async () => {
        const { id } = (await member.post(path, document(4)).expect(201)).body.data;
        // Fills the owner's entry first: the cache must not answer the stranger with it.
        await member.get(`${path}/${id}`).expect(200);
        await other.get(`${path}/${id}`).expect(404);
        await other.put(`${path}/${id}`, document(5)).expect(404);
        await other.delete(`${path}/${id}`).expect(404);
        const list = await other.get(path).expect(200);
        assert.deepEqual(list.body, { data: [], pagination: { total: 0, limit: 50, offset: 0 } });
        await member.get(`${path}/${id}`).expect(200);
      });

      test(`${name}: a body that the schema refuses is a problem with pointers`, async () => {
        const refused = await member.post(path, invalid.body).expect(400);
        assert.match(refused.headers["content-type"] ?? "", /^application\/problem\+json/);
        assert.equal(refused.body.status, 400);
        assert.equal(refused.body.instance, path);
        assert.deepEqual(
          refused.body.errors.map((error: { pointer: string }) => error.pointer),
          [invalid.pointer],
        );
        const unknown = await member.post(path, { ...document(6), tenant_id: TENANT_B }).expect(400);
        assert.equal(unknown.body.errors[0].pointer, "#/tenant_id");
      });

      test(`${name}: an id that is none is 404`, async () => {
        await member.get(`${path}/42`).expect(404);
        await member.delete(`${path}/%00`).expect(404);
        await member.put(`${path}/${"x".repeat(2000)}`, document(7)).expect(404);
      });
    }
  });
}

describe("constraints", () => {
  let crm: Crm;
  let member: CrmClient;

  beforeAll(async () => {
    crm = await startCrm();
    member = await crm.client("member", TENANT_A);
  });
  afterAll(() => crm.close());

  test("two contacts of a tenant cannot share an address, in any case; two tenants can", async () => {
    const other = await crm.client("member", TENANT_B);
    await member.post("/api/contacts", { last_name: "One", email: "same@example.com" }).expect(201);
    const refused = await member
      .post("/api/contacts", { last_name: "Two", email: "SAME@example.com" })
      .expect(409);
    assert.equal(refused.body.errors[0].pointer, "#/email");
    await other.post("/api/contacts", { last_name: "One", email: "same@example.com" }).expect(201);
  });

  test("a contact cannot be at another tenant's account", async () => {
    const other = await crm.client("member", TENANT_B);
    const foreign = (await other.post("/api/accounts", { name: "Theirs" }).expect(201)).body.data.id;
    const refused = await member.post("/api/contacts", { last_name: "X", account_id: foreign }).expect(400);
    assert.deepEqual(refused.body.errors, [{ pointer: "#/account_id", message: "is the id of no account" }]);
  });

  test("deleting an account leaves its contacts, without account", async () => {
    const account = (await member.post("/api/accounts", { name: "Short-lived" }).expect(201)).body.data;
    const contact = (
      await member.post("/api/contacts", { last_name: "Stays", account_id: account.id }).expect(201)
    ).body.data;
    assert.equal(contact.account_name, "Short-lived");
    await member.delete(`/api/accounts/${account.id}`).expect(204);
    const left = (await member.get(`/api/contacts/${contact.id}`).expect(200)).body.data;
    assert.deepEqual([left.account_id, left.account_name], [null, null]);
  });

  test("a token of a tenant that does not exist reads nothing and writes nothing", async () => {
    const nobody = await crm.client("member", "cccccccc-0000-4000-8000-000000000003");
    const { body } = await nobody.get("/api/accounts").expect(401);
    assert.equal(body.detail, "The tenant does not exist.");
    await nobody.post("/api/accounts", { name: "Nowhere" }).expect(401);
  });

  test("values at the edge of their columns are stored or refused, never an error of the server", async () => {
    const accepted = { name: "Edge", annual_revenue: 9_999_999_999_999.99, employee_count: 2_147_483_647 };
    const created = await member.post("/api/accounts", accepted).expect(201);
    assert.equal(created.body.data.annual_revenue, accepted.annual_revenue);
    for (const body of [
      { name: "Edge", annual_revenue: 10_000_000_000_000 },
      { name: "Edge", annual_revenue: 1.005 },
      { name: "Edge", employee_count: 2_147_483_648 },
      { name: "Edge", website: "https://example.com/\u0000" },
      { name: "nul \u0000" },
      { name: "\ud800" },
      { name: " " },
      { name: "Edge", description: "x".repeat(4001) },
    ]) {
      await member.post("/api/accounts", body).expect(400);
    }
    await member
      .post("/api/bizdevsources", { name: "Y", channel: "event", next_review_on: "0000-01-01" })
      .expect(400);
    await member
      .post("/api/bizdevsources", { name: "Y", channel: "event", next_review_on: "2026-02-30" })
      .expect(400);
  });
});
