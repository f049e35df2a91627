// What the console's pages show, of whom to whom: other tenants, texts of attackers, entries, warm-ups, findings.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import type { TenantCache } from "../../src/index.js";
import { PATIENT, STORES } from "../support/caches.js";
import { type OpenedConsole, openConsole, PAGES } from "../support/console-world.js";
import { countWalks } from "../support/walks.js";

const EVIL = "<script>alert(1)</script>\"'&";

for (const store of STORES) {
  describe(`the console's pages, ${store} store`, () => {
    let cache: TenantCache;
    let world: OpenedConsole;
    const other = "globex-industries";

    beforeAll(async () => {
      world = await openConsole(store, PATIENT);
      ({ cache } = world);
      for (const tenant of ["acme", other, other])
        for (let page = 0; page < 3; page++) await world.request(`/accounts?page=${page}`, { tenant });
      for (let page = 0; page < 60; page++) await world.request(`/leads?page=${page}`, { tenant: other });
      await world.request(`/leads?q=${encodeURIComponent(EVIL)}`, { tenant: "acme" });
      await cache.idle();
      await world.monitor.sample();
    });
    afterAll(() => world.close());

    test("who sees one tenant is told nothing of others: no name, no count, no sum", async () => {
      const answers: string[] = [];
      for (const page of [
        ...PAGES,
        "figures?history",
        "tenants?tenant=globex-industries",
        "modules?module=leads",
      ])
        for (const person of ["admin", "viewer"] as const) {
          const { status, body } = await world.get(person, page);
          if (person === "admin" || page !== "purge") assert.equal(status, 200, page);
          assert.ok(!body.includes("globex"), page);
          answers.push(body);
        }
      assert.equal((await world.get("admin", "advice")).status, 403);
      assert.doesNotMatch(answers.join(""), /href="advice"|logged/);
      const own = await cache.stats({ tenantId: "acme" });
      const [overview = ""] = answers;
      assert.match(overview, new RegExp(`${own.totals.hits + own.totals.misses} lookups`));
      assert.doesNotMatch(overview, /Evicted by the server|Memory/);
      const modules = (await world.get("admin", "modules")).body;
      assert.match(modules, /<td>3<\/td>/);
      assert.deepEqual(JSON.parse((await world.get("admin", "figures?history")).body).history, []);
      assert.equal(JSON.parse((await world.get("admin", "figures")).body).point.misses, own.totals.misses);
    });

    test("a tenant that one may not see, and one that there is not, are answered alike", async () => {
      for (const page of ["entries?module=accounts&tenant=", "purge?tenant="]) {
        const answers = await Promise.all(
          [other, "nobody-at-all"].map((tenant) => world.get("admin", `${page}${tenant}`)),
        );
        const [theirs, nobodys] = answers.map(({ status, body }) => [
          status,
          body.replaceAll(/globex-industries|nobody-at-all/g, "x"),
        ]);
        const normalized = [theirs, nobodys].map((answer) =>
          answer?.map((part) => String(part).replaceAll(/value="[\w-]{43}"/g, "")),
        );
        assert.deepEqual(normalized[0], normalized[1], page);
      }
      assert.equal((await world.get("admin", `entries?module=accounts&tenant=${other}`)).status, 403);
      assert.equal((await world.get("admin", "entries?module=accounts&tenant=*")).status, 403);
    });

    test("operators see all tenants, the largest first, and who holds how much of all", async () => {
      const { body } = await world.get("superadmin", "tenants");
      assert.ok(body.indexOf(other) < body.indexOf("acme"), "the largest first");
      assert.match(body, /\d\d\.\d %/);
      const { modules } = JSON.parse(JSON.stringify(await cache.stats({ tenantId: other })));
      const chosen = (await world.get("superadmin", `tenants?tenant=${other}`)).body;
      assert.match(chosen, new RegExp(`<td>${modules.leads.entries}</td>`));
      assert.match((await world.get("superadmin", "")).body, /Memory/);
      assert.ok(JSON.parse((await world.get("superadmin", "figures?history")).body).history.length > 0);
    });

    test("texts of attackers are texts", async () => {
      const { body } = await world.get("superadmin", "entries?tenant=acme&module=leads");
      assert.match(body, /\/leads\?q=%3Cscript%3Ealert\(1\)%3C%2Fscript%3E%22&#39;%26/);
      const query = encodeURIComponent(EVIL);
      for (const page of [...PAGES, "explain", "causes"])
        for (const name of [
          "tenant",
          "module",
          "url",
          "after",
          "scope",
          "sample",
          "from",
          "method",
          "request",
        ]) {
          const answer = await world.get("superadmin", `${page}?tenant=acme&module=leads&${name}=${query}`);
          assert.doesNotMatch(answer.body, /<script>alert|value="[^"]*"'/, `${page} ${name}`);
          const instead = await world.get("superadmin", `${page}?${name}=${query}`);
          assert.doesNotMatch(instead.body, /<script>alert/, `${page} ${name}`);
        }
    });

    test("entries are listed by cursor, each once, in the order in which they end, without their bodies", async () => {
      const urls: string[] = [];
      let page: string | undefined = `entries?tenant=${other}&module=leads`;
      let pages = 0;
      for (; page !== undefined; pages++) {
        const { body } = await world.get("superadmin", page);
        assert.doesNotMatch(body, /body of leads|secret/);
        urls.push(...[...body.matchAll(/class="url">([^<]*)</g)].map(([, url = ""]) => url));
        page = /href="(entries\?[^"]*after=[^"]*)"/.exec(body)?.[1]?.replaceAll("&amp;", "&");
      }
      assert.equal(pages, 2);
      const wanted = Array.from({ length: 60 }, (_, index) => `/leads?page=${index}`);
      assert.deepEqual(urls.toSorted(), wanted.toSorted());
    });

    test("what is invalidated is listed no longer, and a cursor that is none is the beginning", async () => {
      await world.request("/accounts", { tenant: "acme" });
      await cache.idle();
      const listing = "entries?tenant=acme&module=accounts";
      assert.match((await world.get("admin", listing)).body, /class="url">\/accounts</);
      assert.match((await world.get("admin", `${listing}&after=nonsense`)).body, /class="url">\/accounts</);
      await cache.invalidateTenantCache("acme", "accounts");
      assert.match((await world.get("admin", listing)).body, /Nothing is stored/);
    });

    test("warm-ups run in the background, for the tenants of whoever started them", async () => {
      assert.equal((await world.post("viewer", "purge", { name: "accounts" })).status, 403);
      assert.equal((await world.post("admin", "warm", { name: "nothing" })).status, 404);
      const answer = await world.post("admin", "warm", { name: "accounts" });
      assert.deepEqual([answer.status, answer.headers.get("location")], [303, "warm"]);
      await until("the run has ended", async () =>
        /by<|<td>acme<\/td><td>ada<\/td>/.test((await world.get("admin", "warm")).body),
      );
      const ended = new Promise((resolve) => world.warmer.once("finished", resolve));
      assert.equal((await world.post("superadmin", "warm", { name: "accounts" })).status, 303);
      await ended;
      await until("both are shown", async () =>
        /<td>all<\/td><td>sue<\/td>/.test((await world.get("superadmin", "warm")).body),
      );
      assert.doesNotMatch((await world.get("viewer", "warm")).body, /<td>sue|<button>Warm/);
    });
  });
}

describe("the overview tells what wants an operator", () => {
  test("a module of which most requests are not looked up, one that nothing invalidates, one whose entries are gone at once", async () => {
    const world = await openConsole();
    closeAfterTest(world);
    for (let index = 0; index < 25; index++) {
      await world.request("/accounts", { tenant: "acme" });
      await world.request("/leads", { tenant: "" });
    }
    const { body } = await world.get("superadmin", "");
    assert.match(body, /accounts: nothing has invalidated it/);
    assert.match(
      body,
      /leads: 100\.0 % of its requests are not looked up: no-tenant, the option tenant found nobody/,
    );
    assert.match(body, /href="modules\?module=leads"/);
    const detail = (await world.get("superadmin", "modules?module=leads")).body;
    assert.match(detail, /<th scope="row">no-tenant<\/th><td>25<\/td>/);
    const own = (await world.get("admin", "")).body;
    assert.doesNotMatch(own, /leads/);
  });

  test("what is reserved for a tenant is listed as well", async () => {
    const world = await openConsole("memory", { reservedBytesPerTenant: 1_000_000 });
    closeAfterTest(world);
    await world.request("/accounts", { tenant: "acme" });
    await world.cache.idle();
    const { body } = await world.get("admin", "entries?tenant=acme&module=accounts");
    assert.match(body, /class="url">\/accounts</);
  });

  test("who sees many tenants has the store walked through once, and is told of these alone", async () => {
    const tenants = Array.from({ length: 40 }, (_, n) => `branch-${n}`);
    const world = await openConsole("memory", {}, () => ({ authorize: () => ({ view: true, tenants }) }));
    closeAfterTest(world);
    for (const tenant of ["branch-3", "branch-4", "globex"]) await world.request("/accounts", { tenant });
    await world.cache.idle();
    const walks = countWalks(world.cache);
    for (const page of ["", "tenants", "modules"]) {
      const { status, body } = await world.get("viewer", page);
      assert.equal(status, 200);
      assert.match(body, /branch-4 and 35 more/);
      assert.doesNotMatch(body, /globex/);
      if (page === "tenants") assert.match(body, /tenant=branch-3/);
      if (page === "modules")
        assert.match(body, /accounts<\/a><\/th>\s*<td>0\.0 %<\/td><td>0<\/td><td>2<\/td>/);
    }
    assert.equal(walks.times, 1);
  });

  test("a tenant at its bound", async () => {
    const world = await openConsole("memory", { maxBytesPerTenant: 4000 });
    closeAfterTest(world);
    for (let page = 0; page < 25; page++) {
      await world.request(`/accounts?page=${page}`, { tenant: "greedy" });
      await world.cache.idle();
    }
    assert.match(
      (await world.get("superadmin", "")).body,
      /greedy is at its bound of 3\.9 KiB: \d+ of its entries made room/,
    );
  });
});
