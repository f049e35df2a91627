// Converting leads and promoting sources: what they make, and that they happen once.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type Crm, type CrmClient, startCrm, TENANT_A, TENANT_B } from "../support/crm.js";
import { lockRow } from "../support/row-lock.js";

const LEAD = {
  first_name: "Priya",
  last_name: "Patel",
  company: "Summit Solar",
  title: "Buyer",
  email: "priya@summit-solar.example",
  phone: "+1 212 555 0101",
  industry: "energy",
  annual_revenue: 5_000_000,
  street: "1 Main Street",
  city: "Denver",
  country: "US",
  source: "webinar",
};

let crm: Crm;
let member: CrmClient;

/** Two requests that both wait for the record at the same time; their statuses, sorted. */
async function atOnce(table: string, id: string, path: string): Promise<number[]> {
  const lock = await lockRow(crm.databaseUrl, table, id);
  const responses = Promise.all([member.post(path), member.post(path)]);
  await lock.awaitedBy(2);
  await lock.release();
  return (await responses).map(({ status }) => status).sort();
}

describe("converting a lead", () => {
  beforeAll(async () => {
    crm = await startCrm();
    member = await crm.client("member", TENANT_A);
  });
  afterAll(() => crm.close());

  const newLead = async (fields: object = {}): Promise<string> =>
    (await member.post("/api/leads", { ...LEAD, ...fields }).expect(201)).body.data.id;
  const total = async (module: string): Promise<number> =>
    (await member.get(`/api/${module}/count`).expect(200)).body.data.count;

  test("makes a contact and, where asked, an account", async () => {
    const id = await newLead();
    const response = await member.post(`/api/leads/${id}/convert`, { create_account: true }).expect(201);
    const { lead, contact, account } = response.body.data;
    assert.equal(response.headers.location, `/api/contacts/${contact.id}`);
    assert.equal(lead.status, "converted");
    assert.deepEqual([lead.converted_contact_id, lead.converted_account_id], [contact.id, account.id]);
    assert.ok(lead.converted_at);
    assert.equal(contact.email, LEAD.email);
    assert.deepEqual([contact.account_id, contact.account_name], [account.id, LEAD.company]);
    assert.deepEqual([contact.mailing_city, contact.source], ["Denver", "webinar"]);
    assert.deepEqual(
      [account.name, account.annual_revenue, account.billing_street],
      [LEAD.company, 5_000_000, "1 Main Street"],
    );
    assert.deepEqual((await member.get(`/api/contacts/${contact.id}`).expect(200)).body.data, contact);
    assert.deepEqual((await member.get(`/api/accounts/${account.id}`).expect(200)).body.data, account);
  });

  test("without a body it makes a contact only", async () => {
    const accounts = await total("accounts");
    const id = await newLead({ email: null });
    const { contact, account } = (await member.post(`/api/leads/${id}/convert`).expect(201)).body.data;
    assert.deepEqual([account, contact.account_id], [null, null]);
    assert.equal(await total("accounts"), accounts);
  });

  test("an existing account can be named; one that is not there is refused, and nothing has happened", async () => {
    const account = (await member.post("/api/accounts", { name: "Existing" }).expect(201)).body.data;
    const id = await newLead({ email: null });
    const contacts = await total("contacts");
    const other = await crm.client("member", TENANT_B);
    const foreign = (await other.post("/api/accounts", { name: "Theirs" }).expect(201)).body.data.id;
    const refused = await member.post(`/api/leads/${id}/convert`, { account_id: foreign }).expect(400);
    assert.equal(refused.body.errors[0].pointer, "#/account_id");
    await member
      .post(`/api/leads/${id}/convert`, { account_id: account.id, create_account: true })
      .expect(400);
    assert.equal(await total("contacts"), contacts);
    const converted = (await member.post(`/api/leads/${id}/convert`, { account_id: account.id }).expect(201))
      .body.data;
    assert.equal(converted.contact.account_name, "Existing");
    assert.equal(converted.lead.converted_account_id, account.id);
  });

  test("a second conversion is 409, also when two come at once", async () => {
    const contacts = await total("contacts");
    const id = await newLead({ email: null });
    const statuses = await atOnce("leads", id, `/api/leads/${id}/convert`);
    assert.deepEqual(statuses, [201, 409]);
    const again = await member.post(`/api/leads/${id}/convert`).expect(409);
    assert.equal(again.body.detail, "This lead has already been converted.");
    assert.equal(await total("contacts"), contacts + 1);
  });

  test("where a contact has the address already it is 409, and the account is not made either", async () => {
    const accounts = await total("accounts");
    await member.post("/api/contacts", { last_name: "First", email: "taken@example.com" }).expect(201);
    const id = await newLead({ email: "taken@example.com" });
    const refused = await member.post(`/api/leads/${id}/convert`, { create_account: true }).expect(409);
    assert.equal(refused.body.errors[0].pointer, "#/email");
    assert.equal(await total("accounts"), accounts);
    assert.equal((await member.get(`/api/leads/${id}`).expect(200)).body.data.status, "new");
  });

  test("a converted lead cannot be replaced, and loses its links when what it became is deleted", async () => {
    const id = await newLead({ email: null });
    const { contact } = (await member.post(`/api/leads/${id}/convert`).expect(201)).body.data;
    const refused = await member.put(`/api/leads/${id}`, LEAD).expect(409);
    assert.match(refused.body.detail, /has been converted/);
    await member.delete(`/api/contacts/${contact.id}`).expect(204);
    const left = (await member.get(`/api/leads/${id}`).expect(200)).body.data;
    assert.deepEqual([left.status, left.converted_contact_id], ["converted", null]);
    assert.equal(
      (await member.get("/api/leads/count?converted=true&status=converted").expect(200)).body.data.count > 0,
      true,
    );
  });

  test("another tenant's lead does not exist", async () => {
    const id = await newLead({ email: null });
    const other = await crm.client("member", TENANT_B);
    await other.post(`/api/leads/${id}/convert`).expect(404);
    await member.post("/api/leads/no-uuid/convert").expect(404);
  });
});

describe("promoting a source", () => {
  beforeAll(async () => {
    crm = await startCrm();
    member = await crm.client("member", TENANT_A);
  });
  afterAll(() => crm.close());

  const newSource = async (name: string): Promise<string> =>
    (
      await member
        .post("/api/bizdevsources", {
          name,
          channel: "partner",
          company: "Raven Systems",
          city: "Lyon",
          country: "FR",
        })
        .expect(201)
    ).body.data.id;

  test("makes an account, once", async () => {
    const id = await newSource("Partner programme");
    const response = await member.post(`/api/bizdevsources/${id}/promote`, { type: "partner" }).expect(201);
    const { bizdevsource, account } = response.body.data;
    assert.equal(response.headers.location, `/api/accounts/${account.id}`);
    assert.deepEqual(
      [account.name, account.type, account.billing_city],
      ["Raven Systems", "partner", "Lyon"],
    );
    assert.deepEqual([bizdevsource.status, bizdevsource.promoted_account_id], ["promoted", account.id]);
    await member.post(`/api/bizdevsources/${id}/promote`).expect(409);
    await member.put(`/api/bizdevsources/${id}`, { name: "x", channel: "event" }).expect(409);
    await member.delete(`/api/accounts/${account.id}`).expect(204);
    const left = (await member.get(`/api/bizdevsources/${id}`).expect(200)).body.data;
    assert.deepEqual([left.status, left.promoted_account_id], ["promoted", null]);
  });

  test("two at once make one account", async () => {
    const id = await newSource("Raced");
    const statuses = await atOnce("bizdevsources", id, `/api/bizdevsources/${id}/promote`);
    assert.deepEqual(statuses, [201, 409]);
    assert.equal((await member.get("/api/accounts/count").expect(200)).body.data.count, 1);
  });

  test("another tenant's source does not exist; a wrong body is refused", async () => {
    const id = await newSource("Mine");
    const other = await crm.client("member", TENANT_B);
    await other.post(`/api/bizdevsources/${id}/promote`).expect(404);
    await member.post(`/api/bizdevsources/${id}/promote`, { type: "friend" }).expect(400);
    const twin = await member.post("/api/bizdevsources", { name: "MINE", channel: "event" }).expect(409);
    assert.equal(twin.body.errors[0].pointer, "#/name");
  });
});
