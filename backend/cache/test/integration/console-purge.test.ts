// Purges from the console: a dry run first, a reason, what they reach, how often, and that nobody purges what others have.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import type { TenantCache } from "../../src/index.js";
import { PATIENT, STORES } from "../support/caches.js";
import { consoleWorld, type Fields, type OpenedConsole, openConsole } from "../support/console-world.js";

for (const store of STORES) {
  describe(`purges, ${store} store`, () => {
    let cache: TenantCache;
    let world: OpenedConsole;

    beforeAll(async () => {
      world = await openConsole(store, PATIENT);
      ({ cache } = world);
    });
    afterAll(() => world.close());

    /** Both tenants have both modules: fills them, purges, and tells what is a hit still. */
    async function hitsAfter(fields: Fields): Promise<string[]> {
      const all = ["acme", "globex"].flatMap((tenant) =>
        ["/accounts?page=1", "/leads"].map((url) => [tenant, url] as const),
      );
      for (const [tenant, url] of all) await world.request(url, { tenant });
      await cache.idle();
      const { answer } = await world.purge("superadmin", fields);
      assert.equal(answer.status, 200, answer.body);
      assert.match(answer.body, /Confirmed in \d/);
      const hits: string[] = [];
      for (const [tenant, url] of all)
        if ((await world.request(url, { tenant })).cache === "hit") hits.push(`${tenant}${url}`);
      return hits;
    }

    test("each reaches what it names, and nothing else", async () => {
      const rest = ["globex/accounts?page=1", "globex/leads"];
      assert.deepEqual(await hitsAfter({ scope: "modules", tenant: "acme", names: "accounts" }), [
        "acme/leads",
        ...rest,
      ]);
      assert.deepEqual(await hitsAfter({ scope: "tenant", tenant: "acme" }), rest);
      assert.deepEqual(await hitsAfter({ scope: "url", tenant: "acme", url: "/accounts?page=1" }), [
        "acme/leads",
        ...rest,
      ]);
      assert.deepEqual(await hitsAfter({ scope: "module-everywhere", names: "leads" }), [
        "acme/accounts?page=1",
        "globex/accounts?page=1",
      ]);
      assert.deepEqual(await hitsAfter({ scope: "everything" }), []);
    });

    test("the dry run says entries, bytes and load, and purges nothing", async () => {
      for (const page of [1, 2, 3]) await world.request(`/accounts?page=${page}`, { tenant: "acme" });
      await cache.idle();
      await cache.stats();
      const before = (await cache.stats()).totals.invalidations;
      const fields = { scope: "modules", tenant: "acme", names: "accounts", reason: "just looking" };
      const { body, status } = await world.post("admin", "purge", fields);
      assert.equal(status, 200);
      const { entries } = (await cache.stats({ tenantId: "acme" })).modules.accounts ?? {};
      assert.match(body, new RegExp(`<dt>Entries</dt><dd><strong>${entries}</strong>`));
      assert.match(body, new RegExp(`at most ${entries} runs`));
      assert.equal((await cache.stats()).totals.invalidations, before);
    });
  });
}

describe("what a purge needs", () => {
  let cache: TenantCache;
  let world: OpenedConsole;

  beforeAll(async () => {
    world = await openConsole();
    ({ cache } = world);
  });
  afterAll(() => world.close());

  const own = { scope: "tenant", tenant: "acme" };

  test.each<[Fields, number]>([
    [{ ...own, reason: "" }, 400],
    [{ ...own, reason: "  a " }, 400],
    [{ ...own, reason: "x".repeat(201) }, 400],
    [{ scope: "" }, 400],
    [{ scope: "constructor", tenant: "acme" }, 400],
    [{ scope: "modules", tenant: "acme", names: "" }, 400],
    [{ scope: "modules", tenant: "acme", names: "Accounts *" }, 400],
    [{ scope: "tags", tenant: "acme", names: "<b>" }, 400],
    [{ scope: "url", tenant: "acme", url: "accounts" }, 400],
    [{ scope: "tenant", tenant: "globex" }, 403],
    [{ scope: "tenant", tenant: "nobody" }, 403],
    [{ scope: "tenant", tenant: "*" }, 403],
    [{ scope: "everything" }, 403],
    [{ scope: "module-everywhere", names: "accounts" }, 403],
  ])("%j is refused to the admin of acme", async (fields, status) => {
    const { dryRun } = await world.purge("admin", fields);
    assert.equal(dryRun.status, status);
    assert.match(dryRun.body, /role="alert"/);
  });

  test("who may only look has neither the form nor the purge", async () => {
    assert.equal((await world.get("viewer", "purge")).status, 403);
    assert.doesNotMatch((await world.get("viewer", "")).body, /href="purge"/);
    const { send } = await world.browser("viewer", "purge");
    const answer = await send({ ...own, reason: "because" });
    assert.equal(answer.status, 403);
  });

  test("a plan is for what was planned: another target, reason or time is another plan, and it is good once", async () => {
    for (const change of [
      { tenant: "globex" },
      { scope: "everything" },
      { reason: "another reason" },
      { at: String(Date.now() + 1) },
      { plan: "" },
    ] as Fields[])
      assert.notEqual(
        (await world.purge("superadmin", own, change)).answer.status,
        200,
        JSON.stringify(change),
      );
    const { answer, send, planned } = await world.purge("superadmin", own);
    assert.equal(answer.status, 200);
    assert.equal((await send(planned ?? {})).status, 409);
  });

  test("ten a minute for a person, then 429 with Retry-After; others may still", async () => {
    const limited = await consoleWorld(cache);
    closeAfterTest(limited);
    const statuses: number[] = [];
    for (let index = 0; index < 11; index++) statuses.push((await limited.purge("admin", own)).answer.status);
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 429]);
    const { answer } = await limited.purge("admin", own);
    assert.ok(Number(answer.headers.get("retry-after")) > 0);
    assert.equal((await limited.purge("superadmin", own)).answer.status, 200);
  });
});
