// Lists: pages, orders, filters, search, counts; and which queries are refused.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { type Crm, type CrmClient, startCrm, TENANT_A } from "../support/crm.js";

describe("lists", () => {
  let crm: Crm;
  let viewer: CrmClient;

  beforeAll(async () => {
    crm = await startCrm();
    viewer = await crm.client("viewer", TENANT_A);
    const member = await crm.client("member", TENANT_A);
    const accounts = [
      {
        name: "alpha Stores",
        type: "customer",
        industry: "retail",
        annual_revenue: 100,
        employee_count: 5,
        billing_city: "Berlin",
      },
      {
        name: "Beta Systems",
        type: "customer",
        industry: "technology",
        annual_revenue: 300,
        employee_count: 50,
        billing_city: "Paris",
      },
      {
        name: "Gamma 100% Power",
        type: "partner",
        industry: "energy",
        annual_revenue: 200,
        billing_city: "Berlin",
      },
      { name: "delta_Works", type: "vendor", industry: "manufacturing", employee_count: 50 },
      { name: "Epsilon", type: "prospect" },
    ];
    for (const account of accounts) await member.post("/api/accounts", account).expect(201);
    const beta = (await viewer.get("/api/accounts?name=Beta%20Systems").expect(200)).body.data[0];
    await member.post("/api/contacts", {
      first_name: "Jane",
      last_name: "Smith",
      email: "jane@beta.example",
      account_id: beta.id,
    });
    await member.post("/api/contacts", { first_name: "John", last_name: "Smithers", do_not_contact: true });
    await member.post("/api/contacts", { first_name: "Smilla", last_name: "Jansen" });
  });
  afterAll(() => crm.close());

  const names = async (query: string) => {
    const { body } = await viewer.get(`/api/accounts?${query}`).expect(200);
    return body.data.map((account: { name: string }) => account.name.split(/[ _]/)[0]);
  };

  test("newest first by default, with the total", async () => {
    const { body } = await viewer.get("/api/accounts").expect(200);
    assert.deepEqual(body.pagination, { total: 5, limit: 50, offset: 0 });
    assert.equal(body.data[0].name, "Epsilon");
    assert.equal(body.data[4].name, "alpha Stores");
  });

  test("pages follow each other without overlap", async () => {
    const seen = [];
    for (const offset of [0, 2, 4]) {
      const { body } = await viewer
        .get(`/api/accounts?limit=2&offset=${offset}&sort=employee_count`)
        .expect(200);
      assert.deepEqual(body.pagination, { total: 5, limit: 2, offset });
      seen.push(...body.data.map((account: { id: string }) => account.id));
    }
    assert.equal(seen.length, 5);
    assert.equal(new Set(seen).size, 5);
  });

  test("orders ignore case, go both ways, combine, and put missing values last", async () => {
    assert.deepEqual(await names("sort=name"), ["alpha", "Beta", "delta", "Epsilon", "Gamma"]);
    assert.deepEqual(await names("sort=-name"), ["Gamma", "Epsilon", "delta", "Beta", "alpha"]);
    assert.deepEqual(await names("sort=-annual_revenue,name"), [
      "Beta",
      "Gamma",
      "alpha",
      "delta",
      "Epsilon",
    ]);
    assert.deepEqual(await names("sort=annual_revenue,-name"), [
      "alpha",
      "Gamma",
      "Beta",
      "Epsilon",
      "delta",
    ]);
    assert.deepEqual(await names("sort=-employee_count,-name"), [
      "delta",
      "Beta",
      "alpha",
      "Gamma",
      "Epsilon",
    ]);
  });

  test("filters: equal, one of several, ranges, times", async () => {
    assert.deepEqual(await names("billing_city=Berlin&sort=name"), ["alpha", "Gamma"]);
    assert.deepEqual(await names("type=partner&type=vendor&sort=name"), ["delta", "Gamma"]);
    assert.deepEqual(await names("min_annual_revenue=200&max_annual_revenue=300&sort=name"), [
      "Beta",
      "Gamma",
    ]);
    assert.deepEqual(await names("min_employee_count=5.5&max_employee_count=9999999999999"), [
      "delta",
      "Beta",
    ]);
    assert.deepEqual(await names("created_after=2999-01-01"), []);
    assert.equal((await names("created_before=2999-01-01T00:00:00%2B02:00")).length, 5);
  });

  test("search finds every word anywhere, and takes % and _ literally", async () => {
    assert.deepEqual(await names("q=SYS"), ["Beta"]);
    assert.deepEqual(await names("q=berlin%20power"), ["Gamma"]);
    assert.deepEqual(await names("q=0%25"), ["Gamma"]);
    assert.deepEqual(await names("q=a_w"), ["delta"]);
    assert.deepEqual(await names("q=%25"), ["Gamma"]);
    assert.deepEqual(await names("q=nothing"), []);
  });

  test("counts take the filters of lists", async () => {
    const count = async (query: string) =>
      (await viewer.get(`/api/accounts/count?${query}`).expect(200)).body.data.count;
    assert.equal(await count(""), 5);
    assert.equal(await count("type=customer"), 2);
    assert.equal(await count("q=berlin&min_annual_revenue=150"), 1);
    await viewer.get("/api/accounts/count?limit=1").expect(400);
  });

  test("contacts are found by what their names and addresses begin with", async () => {
    const search = async (q: string) =>
      (await viewer.get(`/api/contacts/search?q=${q}`).expect(200)).body.data.map(
        (c: { first_name: string }) => c.first_name,
      );
    assert.deepEqual(await search("smi"), ["Smilla", "Jane", "John"]);
    assert.deepEqual(await search("JA%20smi"), ["Smilla", "Jane"]);
    assert.deepEqual(await search("jane@b"), ["Jane"]);
    assert.deepEqual(await search("mith"), []);
    assert.equal((await viewer.get("/api/contacts/search?q=s&limit=1").expect(200)).body.data.length, 1);
    await viewer.get("/api/contacts/search").expect(400);
    const [jane] = (await viewer.get("/api/contacts/search?q=jane").expect(200)).body.data;
    assert.equal(jane.account_name, "Beta Systems");
    assert.equal(
      (await viewer.get("/api/contacts/count?do_not_contact=true").expect(200)).body.data.count,
      1,
    );
  });

  test("a refused query is a problem, names the parameter, and leaves nothing in the cache", async () => {
    const refused: readonly (readonly [query: string, pointer: string])[] = [
      ["colour=red", "#/colour"],
      ["a[]=1", "#/a%5B%5D"],
      ["type[]=customer", "#/type%5B%5D"],
      ["type[0]=customer", "#/type%5B0%5D"],
      ["__proto__=1", "#/__proto__"],
      ["constructor=1", "#/constructor"],
      ["limit=1&limit=2", "#/limit"],
      ["limit=0", "#/limit"],
      ["limit=201", "#/limit"],
      ["limit=1e2", "#/limit"],
      ["offset=-1", "#/offset"],
      ["offset=100001", "#/offset"],
      ["sort=tenant_id", "#/sort"],
      ["sort=name,-name", "#/sort"],
      ["sort=name%3Bdrop", "#/sort"],
      ["sort=toString", "#/sort"],
      ["sort=", "#/sort"],
      ["q=", "#/q"],
      ["q=a&q=b", "#/q"],
      ["q=%00", "#/q"],
      ["q=a+b+c+d+e+f", "#/q"],
      [`q=${"x".repeat(10_000)}`, "#/q"],
      ["billing_city=Berlin&billing_city=Paris", "#/billing_city"],
      ["type=friend", "#/type/0"],
      ["min_annual_revenue=1e999", "#/min_annual_revenue"],
      ["created_after=yesterday", "#/created_after"],
      ["created_after=0000-01-01", "#/created_after"],
      ["created_after=2025-02-30", "#/created_after"],
    ];
    const entriesBefore = (await crm.cache.stats()).totals.entries;
    for (const [query, pointer] of refused) {
      const response = await viewer.get(`/api/accounts?${query}`);
      assert.equal(response.status, 400, query.slice(0, 50));
      assert.match(response.headers["content-type"] ?? "", /^application\/problem\+json/);
      assert.equal(response.body.errors[0].pointer, pointer, query.slice(0, 50));
      assert.equal(response.headers["cache-status"], undefined);
      assert.ok(response.text.length < 2000, "the problem does not repeat a long query");
    }
    const endless = await viewer.get(`/api/accounts?${"x".repeat(10_000)}=1`);
    assert.equal(endless.status, 400);
    assert.ok(endless.text.length < 2000);
    await crm.cache.idle();
    assert.equal((await crm.cache.stats()).totals.entries, entriesBefore);
  });

  test("the order of a repeated filter's values does not matter", async () => {
    const first = await viewer.get("/api/accounts?type=customer&type=partner").expect(200);
    const second = await viewer.get("/api/accounts?type=partner&type=customer").expect(200);
    assert.match(second.headers["cache-status"] ?? "", /hit/);
    assert.deepEqual(second.body, first.body);
  });
});
