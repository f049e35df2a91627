// The operations route: who may ask what, and what a page of another origin cannot send.
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "@jest/globals";
import express from "express";
import { until } from "../../../servers/until.js";
import { createTenantCache, MemoryStore, type OperationsOptions } from "../../src/index.js";
import { quiet } from "../support/caches.js";
import { openOperatedApp, PERSONS } from "../support/operated-app.js";

test("is not mounted without authorize, nor uncalled", async () => {
  const cache = createTenantCache({ tenant: () => "a", logger: quiet });
  for (const given of [undefined, {}, { authorize: true }, { authorize: () => false, warmer: {} }])
    assert.throws(() => cache.operations(given as never), /^TenantCacheError: ETC_OPTIONS: operations/);
  assert.throws(
    () => cache.operations({ method: "GET", url: "/", headers: {} } as never),
    /ETC_ARGUMENTS: operations was mounted without being called/,
  );
  await cache.close();
});

test("what a store that is away says of itself is for who sees all", async () => {
  let isAway = false;
  class Leaving extends MemoryStore {
    // Else it is found to be back while this asks.
    override async ping() {
      if (isAway) throw new Error("connect ECONNREFUSED 10.1.2.3");
    }
    override async read(...args: Parameters<MemoryStore["read"]>) {
      if (isAway) throw new Error("connect ECONNREFUSED 10.1.2.3");
      return super.read(...args);
    }
    override async beginFill(...args: Parameters<MemoryStore["beginFill"]>) {
      if (isAway) throw new Error("connect ECONNREFUSED 10.1.2.3");
      return super.beginFill(...args);
    }
  }
  const store = () => new Leaving({ maxBytes: 1_000_000, maxTenantBytes: 1_000_000 });
  const { ask, request, cache } = await openOperatedApp("memory", { cache: { store } });
  isAway = true;
  await until("the circuit is open", async () => {
    await request("/things/1");
    return cache.health().reason !== null;
  });
  const told = async (who: string) =>
    (await ask("explain?url=/things/1&tenant=tenant-1", { who })).data.store.reason;
  assert.match((await told("operator")) ?? "", /10\.1\.2\.3/);
  assert.equal(await told("admin"), null);
});

test("a run for nobody, by somebody who sees none, is not told to others", async () => {
  const nobody = { view: true, tenants: [], warm: true, name: "somebody of another tenant" } as const;
  const { ask, warmer } = await openOperatedApp("memory", {
    operations: {
      authorize: (req) => (req.get("x-who") === "nobody" ? nobody : PERSONS[req.get("x-who") ?? ""]),
    },
  });
  const ended = once(warmer, "finished");
  assert.equal((await ask("warm", { who: "nobody", json: { name: "values" } })).status, 202);
  await ended;
  await until("it is told to who sees all", async () => (await ask("warm")).data.runs[0]?.by === nobody.name);
  assert.deepEqual((await ask("warm", { who: "admin" })).data.runs, []);
});

describe("who sees one tenant only", () => {
  test("learns nothing of others: no names, no sums, nothing of the server", async () => {
    const { ask, cache, request } = await openOperatedApp("redis");
    await request("/things/1", { tenant: "secret-inc", headers: { "x-request-id": "request-1" } });
    await request("/things/1", { tenant: "tenant-1", headers: { "x-request-id": "request-1" } });
    await cache.idle();
    const told: string[] = [];
    for (const path of [
      "",
      "stats",
      "stats?tenant=tenant-1",
      "stats?tenant=secret-inc",
      "advice",
      "miss-reasons",
      "explain?url=/things/1",
      "explain?url=/things/1&tenant=tenant-1",
      "explain?url=/things/1&tenant=secret-inc",
      "explained?requestId=request-1",
      "explained?requestId=request-1&tenant=secret-inc",
      "causes?tenant=secret-inc",
      "warm",
      "tail?tenant=secret-inc",
    ])
      told.push(JSON.stringify(await ask(path, { who: "admin" })));
    assert.doesNotMatch(told.join("\n"), /secret-inc/);
    const stats = await ask("stats?tenant=tenant-1", { who: "admin" });
    assert.equal(stats.data.totals.misses, 1);
    assert.deepEqual([stats.data.server, stats.data.feed], [undefined, undefined]);
    assert.deepEqual(Object.keys(stats.data.store).sort(), ["circuit", "connected", "kind", "latencyMs"]);
    const { data } = await ask("explained?requestId=request-1", { who: "admin" });
    assert.deepEqual(
      data.requests.map(({ tenant }: { tenant: string }) => tenant),
      ["tenant-1"],
    );
  });

  test("a tenant of others and one that cannot be are answered alike", async () => {
    const { ask, request } = await openOperatedApp("memory");
    await request("/things/1", { tenant: "tenant-2" });
    const others = { "x-tenant": "tenant-2" };
    for (const path of ["stats?tenant=", "causes?tenant=", "explain?url=/things/1&tenant=", "tail?tenant="]) {
      const [there, nowhere, odd] = await Promise.all(
        ["tenant-2", "tenant-7", "*"].map((tenant) => ask(path + tenant, { who: "admin" })),
      );
      assert.equal(there?.status, 403, path);
      assert.deepEqual(there.error, nowhere?.error, path);
      assert.deepEqual(there.error, odd?.error, path);
    }
    const json = { url: "/things/1", tenant: "tenant-1", headers: others };
    const asOthers = await ask("explain", { who: "admin", json });
    assert.deepEqual(asOthers.error, { code: "forbidden", message: "you may not see this tenant" });
    const unnamed = await ask("explain", { who: "admin", json: { url: "/things/1", headers: others } });
    assert.equal(unnamed.status, 403);
  });

  test("purges and warms what is theirs alone", async () => {
    const { ask, warmed } = await openOperatedApp("memory");
    const purge = (json: object, who = "admin") => ask("purge", { who, json: { reason: "a test", ...json } });
    assert.equal((await purge({ scope: "tenant", tenant: "tenant-1" })).status, 200);
    assert.equal((await purge({ scope: "tenant", tenant: "tenant-2" })).status, 403);
    assert.equal((await purge({ scope: "everything" })).status, 403);
    assert.equal((await purge({ scope: "module-everywhere", names: ["things"] })).status, 403);
    assert.equal((await purge({ scope: "tenant", tenant: "tenant-1" }, "viewer")).status, 403);
    const warm = (json: object, who = "admin") => ask("warm", { who, json: { name: "values", ...json } });
    assert.equal((await warm({ tenants: ["tenant-2"] })).status, 403);
    assert.equal((await warm({}, "viewer")).status, 403);
    assert.equal((await warm({})).status, 202);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.deepEqual(warmed, ["tenant-1"]);
  });
});

describe("authorize", () => {
  test("is asked every time, and nobody is told anything", async () => {
    let allowed = true;
    const { ask } = await openOperatedApp("memory", {
      operations: { authorize: async () => allowed && { view: true, tenants: "all" } },
    });
    assert.equal((await ask("stats")).status, 200);
    allowed = false;
    for (const path of ["", "stats", "tail", "nothing", "explain?url=/things/1"]) {
      const said = await ask(path);
      assert.deepEqual([said.status, said.error?.code], [403, "forbidden"], path);
    }
    assert.equal((await ask("purge", { json: {} })).status, 403);
  });

  test("what it throws, and what is no answer, is the app's error", async () => {
    for (const [authorize, said] of [
      [() => true, /ETC_OPERATIONS_ACCESS: authorize of operations returned true/],
      [() => ({ view: true }), /ETC_OPERATIONS_ACCESS/],
      [() => ({ view: true, tenants: "acme" }), /ETC_OPERATIONS_ACCESS/],
      [() => ({ view: true, tenants: "all", admin: true }), /ETC_OPERATIONS_ACCESS/],
      [() => ({ view: true, tenants: ["*"] }), /ETC_TENANT_ID/],
      [async () => Promise.reject(new Error("no session")), /no session/],
    ] as const) {
      const operations = { authorize: authorize as unknown as OperationsOptions["authorize"] };
      const { ask } = await openOperatedApp("memory", { operations });
      const { status, data } = await ask("stats");
      assert.equal(status, 500);
      assert.match(String(data), said);
    }
  });

  test("a view that is false is nobody's", async () => {
    const operations = { authorize: () => ({ view: false, tenants: "all", purge: true }) as const };
    const { ask } = await openOperatedApp("memory", { operations });
    assert.equal((await ask("stats")).status, 403);
  });
});

describe("what changes something", () => {
  const json = { scope: "tenant", tenant: "tenant-1", reason: "a test" };

  test("is taken as JSON alone, and not from pages of another origin", async () => {
    const { ask } = await openOperatedApp("memory");
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
      assert.equal((await ask("purge", { json, headers: { "content-type": type } })).status, 415, type);
    for (const site of ["cross-site", "same-site"])
      assert.equal((await ask("purge", { json, headers: { "sec-fetch-site": site } })).status, 403, site);
    for (const site of ["same-origin", "none"])
      assert.equal((await ask("purge", { json, headers: { "sec-fetch-site": site } })).status, 200, site);
    const charset = { "content-type": "application/json; charset=utf-8" };
    assert.equal((await ask("purge", { json, headers: charset })).status, 200);
  });

  test("bodies that are none, and one that is too large", async () => {
    const { ask } = await openOperatedApp("memory");
    const post = (body: string) =>
      ask("purge", { method: "POST", body, headers: { "content-type": "application/json" } });
    for (const body of ["", "{", "[]", "null", "1", '"a"']) {
      const said = await post(body);
      assert.deepEqual([said.status, said.error?.code], [400, "body"], body);
    }
    assert.equal((await post(JSON.stringify({ reason: "x".repeat(17_000) }))).status, 413);
  });

  test("a parser in front may have read it", async () => {
    const texts = express.text({ type: "*/*" });
    for (const parser of [express.json(), express.raw({ type: "application/json" }), texts]) {
      const { ask } = await openOperatedApp("memory", { parser });
      assert.equal((await ask("purge", { json })).status, 200);
    }
  });
});
