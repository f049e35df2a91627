// The operations route: what it tells is what the calls of the cache tell, as JSON.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { until } from "../../../servers/until.js";
import { STORES } from "../support/caches.js";
import { openOperatedApp } from "../support/operated-app.js";

/** As it is on the wire. */
const wired = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;

describe.each(STORES)("operations, %s", (store) => {
  test("says what one may, and how the store is", async () => {
    const { ask } = await openOperatedApp(store);
    const { status, data, headers } = await ask("");
    assert.equal(status, 200);
    assert.equal(headers.get("cache-control"), "no-store");
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.deepEqual(data.access, { tenants: "all", purge: true, warm: true, name: "olga" });
    assert.equal(data.store.kind, store === "memory" ? "memory" : "redis");
    assert.equal(data.store.circuit, "closed");
    assert.equal(data.process.pid, process.pid);
    const admin = await ask("", { who: "admin" });
    assert.deepEqual(admin.data.access, { tenants: ["tenant-1"], purge: true, warm: true, name: "ada" });
  });

  test("statistics, of all and of one", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    for (const tenant of ["tenant-1", "tenant-2"]) await request("/things/1", { tenant });
    await cache.idle();
    const all = await ask("stats");
    assert.equal(all.data.totals.misses, 2);
    assert.deepEqual(Object.keys(all.data.tenants).sort(), ["tenant-1", "tenant-2"]);
    const one = await ask("stats?tenant=tenant-2");
    assert.equal(one.data.totals.misses, 1);
    assert.equal(one.data.modules.things.entries, 1);
    assert.equal((await ask("advice")).data.enabled, true);
    assert.equal((await ask("miss-reasons")).data.cold, 2);
  });

  test("explains a request, by its query or as JSON, and one that was a miss", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    const headers = { "x-request-id": "request-1" };
    await request("/things/1", { headers });
    await cache.idle();
    const query = new URLSearchParams({ tenant: "tenant-1", url: "/things/1" });
    const hit = await ask(`explain?${query}`);
    assert.equal(hit.status, 200);
    assert.equal(hit.data.verdict, "hit");
    assert.equal(hit.data.path, "GET /things/:id");
    const own = { "x-tenant": "tenant-1", "accept-language": "de" };
    const posted = await ask("explain", { json: { url: "/things/1", headers: own, method: "HEAD" } });
    assert.equal(posted.data.verdict, "hit");
    assert.equal(posted.data.method, "HEAD");
    assert.deepEqual((await ask("explained?requestId=request-1")).data, {
      requests: wired(await cache.explained("request-1")),
    });
    assert.equal((await cache.explained("request-1"))[0]?.miss?.reason, "cold");
  });

  test("a question mark in what is asked about needs no escape", async () => {
    const { ask } = await openOperatedApp(store);
    const { data } = await ask("explain?tenant=tenant-1&url=/things/1?page=2");
    assert.equal(data.url, "/things/1?page=2");
  });

  test("who made it stale", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    await request("/things", { method: "POST", headers: { "x-request-id": "request-2" } });
    await request("/others", { method: "POST" });
    const { data } = await ask("causes?tenant=tenant-1");
    assert.deepEqual(
      data.causes.map(({ name }: { name: string }) => name),
      ["POST /others", "POST /things"],
    );
    const of = await ask("causes?tenant=tenant-1&module=things&limit=5");
    assert.deepEqual(of.data.causes, wired(await cache.causes({ tenant: "tenant-1", module: "things" })));
    assert.equal(of.data.causes[0].requestId, "request-2");
  });

  test("warm-ups", async () => {
    const { ask, warmed } = await openOperatedApp(store);
    assert.deepEqual((await ask("warm")).data, { strategies: ["values"], runs: [], underWay: [] });
    const begun = await ask("warm", { json: { name: "values", tenants: ["tenant-2"] } });
    assert.deepEqual([begun.status, begun.data], [202, { started: true }]);
    await until("the run is over", async () => (await ask("warm")).data.runs.length === 1);
    await until("it is known who began it", async () => (await ask("warm")).data.runs[0].by === "olga");
    const [run] = (await ask("warm")).data.runs;
    assert.deepEqual([run.name, run.tenants, run.done, run.failed], ["values", ["tenant-2"], 1, 0]);
    assert.deepEqual(warmed, ["tenant-2"]);
    assert.equal((await ask("warm", { json: { name: "nothing" } })).status, 400);
  });
});

test("the app says whose an explained request is; what is asked for by name wins", async () => {
  const { ask } = await openOperatedApp("memory", {
    operations: {
      explainAs: (req, tenant) => ({
        headers: { "x-tenant": tenant ?? "tenant-9", "x-operator": req.get("x-who") ?? "" },
      }),
    },
  });
  assert.equal((await ask("explain?url=/things/1")).data.tenant, "tenant-9");
  assert.equal((await ask("explain?url=/things/1&tenant=tenant-2")).data.tenant, "tenant-2");
  const named = { url: "/things/1", headers: { "x-tenant": "tenant-3" } };
  assert.equal((await ask("explain", { json: named })).data.tenant, "tenant-3");
});

test("what is asked wrongly is told, with what to write", async () => {
  const { ask } = await openOperatedApp("memory");
  for (const [path, status, code] of [
    ["nothing", 404, "not-found"],
    ["constructor", 404, "not-found"],
    ["explain", 400, "ETC_OPTIONS"],
    ["explain?url=things", 400, "ETC_OPTIONS"],
    ["explain?url=/things&as=ada", 400, "ETC_OPTIONS"],
    ["explained", 400, "ETC_OPTIONS"],
    ["causes", 403, "forbidden"],
    ["causes?tenant=tenant-1&limit=0", 400, "ETC_OPTIONS"],
    ["stats?tenant=*", 403, "forbidden"],
    ["tail?sample=0", 400, "ETC_OPTIONS"],
    ["tail?event=hits", 400, "ETC_OPTIONS"],
  ] as const) {
    const said = await ask(path);
    assert.deepEqual([said.status, said.error?.code], [status, code], path);
    assert.ok((said.error?.message ?? "").length > 10, path);
  }
  for (const [path, method, allow] of [
    ["stats", "POST", "GET, HEAD"],
    ["purge", "GET", "POST"],
    ["explain", "DELETE", "GET, HEAD, POST"],
    ["tail", "PUT", "GET"],
  ] as const) {
    const said = await ask(path, { method });
    assert.deepEqual([said.status, said.headers.get("allow")], [405, allow], `${method} ${path}`);
  }
});
