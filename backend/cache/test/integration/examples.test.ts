// The examples in docs/examples run, and do what they say.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { describe, test } from "@jest/globals";
import { SignJWT } from "jose";
import { projectFile } from "../../../project-root.js";
import { example, FOLDER, tried } from "../support/examples.js";
import { untilHit } from "../support/until-hit.js";

describe("docs/examples", () => {
  example("per-role-scope.js", async (app) => {
    const read = (role: string) => app.request("/contacts", { headers: { "x-role": role } });
    assert.match((await read("admin")).body, /ada@example.test/);
    assert.doesNotMatch((await read("viewer")).body, /ada@example.test/);
    for (const role of ["admin", "viewer"]) assert.equal((await read(role)).cache, "hit");
  });

  example("advice.js", async (app) => {
    for (let n = 0; n < 30; n++) {
      const { status, headers } = await app.request(`/accounts/${n % 3}`);
      assert.deepEqual([status, headers.get("cache-status")], [200, null]);
    }
    await app.request("/accounts/1", { method: "PUT" });
    assert.equal((await app.request("/ops/advice")).status, 403);
    const { body } = await app.request("/ops/advice", { headers: { "x-role": "operator" } });
    const [route] = JSON.parse(body).routes;
    assert.deepEqual([route.module, route.path, route.requests], ["accounts", "/accounts/:id", 30]);
    assert.equal(route.present.hitRatio, 0.9);
    assert.ok(route.present.queriesSavedPerHour > 0);
    assert.deepEqual(route.warnings, []);
  });

  example("jwt.js", async (app) => {
    const secret = new TextEncoder().encode("a-secret-of-at-least-32-bytes-for-the-example");
    const read = async (tenantId: string) => {
      const token = await new SignJWT({ tenant_id: tenantId })
        .setProtectedHeader({ alg: "HS256" })
        .sign(secret);
      return app.request("/me", { headers: { authorization: `Bearer ${token}` } });
    };
    for (const tenant of ["acme", "other"])
      assert.deepEqual(JSON.parse((await read(tenant)).body), { tenant });
    assert.equal((await read("acme")).cache, "hit");
    assert.equal((await app.request("/me")).status, 401);
  });

  example("explain.js", async (app, { cache, importAccounts }) => {
    const ask = async (path: string, role = "operator", init: RequestInit = {}) => {
      const headers = { "x-role": role, "content-type": "application/json" };
      const { status, body } = await app.request(`/ops/cache-api${path}`, { ...init, headers });
      return { status, data: JSON.parse(body).data };
    };
    const explain = () => ask("/explain?tenant=tenant-1&url=/accounts/7");
    assert.equal((await ask("/stats", "viewer")).status, 403);
    assert.equal((await explain()).data.verdict, "miss");
    await app.request("/accounts/7", { headers: { "x-request-id": "request-1" } });
    await cache.idle();
    assert.equal((await explain()).data.verdict, "hit");
    assert.equal((await ask("/explained?requestId=request-1")).data.requests[0].miss.reason, "cold");
    await importAccounts("tenant-1");
    const { miss } = (await explain()).data;
    assert.deepEqual([miss.reason, miss.fencedBy[0].cause.name], ["fenced", "nightly import"]);
    await app.request("/accounts/7", { method: "PUT", headers: { "x-user": "ada" } });
    const { causes } = (await ask("/causes?tenant=tenant-1", "admin")).data;
    assert.deepEqual(
      causes.map(({ name }: { name: string }) => name),
      ["PUT /accounts/:id", "nightly import"],
    );
    assert.equal((await ask("/causes?tenant=tenant-2", "admin")).status, 403);
  });

  example("metrics.js", async (app, { probe }) => {
    await app.request("/orders");
    assert.equal((await app.request("/metrics")).status, 403);
    const headers = { authorization: "Bearer a-token-of-prometheus" };
    const own = await app.request("/metrics", { headers });
    assert.match(own.body, /^etc_requests_total\{module="orders",result="miss"\} 1$/m);
    assert.doesNotMatch(own.body, /app_mails/);
    await probe.probe();
    const all = await app.request("/all-metrics", { headers });
    assert.match(all.body, /^app_mails_total 1$/m);
    assert.match(all.body, /^etc_staleness_probe_reads_total\{result="fresh"\} 1$/m);
  });

  example("tags.js", async (app) => {
    for (const id of [1, 2]) await app.request(`/accounts/${id}`);
    const body = JSON.stringify({ name: "Renamed Ltd" });
    await app.request("/accounts/1", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body,
    });
    const [changed, other] = [await app.request("/accounts/1"), await app.request("/accounts/2")];
    assert.deepEqual([changed.body, changed.cache], [body, "fwd=miss; stored"]);
    assert.equal(other.cache, "hit");
  });

  example("routes.js", async (app) => {
    const read = async (path: string) => (await app.request(path)).cache;
    for (const path of ["/api/leads", "/api/accounts", "/api/plans"]) await read(path);
    assert.equal(await read("/api/leads?utm_source=mail"), "hit");
    assert.equal(await read("/api/leads/export"), "fwd=bypass; detail=skipped");
    await app.request("/api/leads/17/convert", { method: "POST" });
    assert.deepEqual(JSON.parse((await app.request("/api/accounts")).body), ["Ada"]);
    assert.deepEqual(JSON.parse((await app.request("/api/leads")).body), []);
    const plans = await app.request("/api/plans");
    assert.match(plans.headers.get("cache-status") ?? "", /hit; ttl=3[56]\d\d$/);
    assert.equal((await app.request("/api/leads", { tenant: "" })).status, 401);
  });

  example("route-functions.js", async (app, { cache }) => {
    const read = async (path: string, headers = {}) => {
      const answer = await app.request(path, { headers });
      await cache.idle();
      return answer;
    };
    const leftOf = async (id: number) =>
      Number(/ttl=(\d+)/.exec((await read(`/orders/${id}`)).headers.get("cache-status") ?? "")?.[1]);
    for (const path of ["/orders/1", "/orders/2", "/orders?status=open", "/orders?status=closed"])
      assert.equal((await read(path)).cache, "fwd=miss; stored", path);
    assert.ok((await leftOf(1)) <= 30 && (await leftOf(2)) > 80_000);
    assert.equal((await read("/orders/2", { "x-role": "auditor" })).cache, "fwd=bypass; detail=skipped");
    assert.equal((await read("/orders?utm_id=7&status=open&_=1")).cache, "hit");
    assert.equal((await read("/orders?status=open", { "x-currency": "USD" })).cache, "fwd=miss; stored");
    await app.request("/orders/2", {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ status: "disputed" }),
    });
    assert.equal((await read("/orders?status=open")).cache, "hit");
    assert.deepEqual(JSON.parse((await read("/orders?status=closed")).body).orders, []);
  });

  example("clear.js", async (app) => {
    const clear = (body: object, role = "operator") =>
      app.request("/admin/cache/clear", {
        method: "POST",
        headers: { "content-type": "application/json", "x-role": role },
        body: JSON.stringify(body),
      });
    const hits = async () => {
      const seen: boolean[] = [];
      for (const [path, tenant] of [
        ["/plans/1", "acme"],
        ["/plans/2", "acme"],
        ["/plans/1", "other"],
      ] as const)
        seen.push((await app.request(path, { tenant })).cache === "hit");
      return seen;
    };
    await hits();
    assert.equal((await clear({}, "viewer")).status, 403);
    assert.deepEqual(await hits(), [true, true, true]);
    const cleared: readonly (readonly [said: object, left: boolean[]])[] = [
      [{ tenant: "acme", url: "/plans/1" }, [false, true, true]],
      [{ tenant: "acme", module: "plans" }, [false, false, true]],
      [{ tenant: "other" }, [true, true, false]],
      [{ module: "plans" }, [false, false, false]],
      [{}, [false, false, false]],
    ];
    for (const [said, left] of cleared) {
      assert.deepEqual(JSON.parse((await clear(said)).body), { confirmed: true });
      assert.deepEqual(await hits(), left, JSON.stringify(said));
      assert.deepEqual(await hits(), [true, true, true]);
    }
  });

  example("graphql.js", async (app, { runs }) => {
    const send = async (query: string, variables: object = {}, tenant = "acme") => {
      const { body, cache } = await app.request("/graphql", {
        method: "POST",
        tenant,
        headers: { "content-type": "application/json", accept: "application/json" },
        body: JSON.stringify({ query, variables }),
      });
      return [cache, JSON.parse(body).data] as const;
    };
    const named = "query Named($id: ID!) { name(id: $id) }";
    // graphql-http writes the head first, so that nobody knows the rest then.
    const filled = "fwd=miss; detail=streamed";
    assert.deepEqual(await send(named, { id: "1" }), [filled, { name: "nobody" }]);
    assert.deepEqual(await send(named, { id: "1" }), ["hit", { name: "nobody" }]);
    assert.equal((await send(named, { id: "2" }))[0], filled);
    assert.equal((await send(named, { id: "1" }, "other"))[0], filled);
    for (let round = 0; round < 2; round++)
      assert.notEqual((await send("query { name }"))[0], "hit", "its answer has errors");
    const { queries } = runs;
    assert.equal((await send(named, { id: "1" }))[0], "hit", "what was wrong has invalidated nothing");
    assert.equal(runs.queries, queries);
    const rename = 'mutation { rename(id: "1", name: "Ada") }';
    assert.deepEqual(await send(rename), ["fwd=bypass; detail=skipped", { rename: "Ada" }]);
    assert.deepEqual(await send(named, { id: "1" }), [filled, { name: "Ada" }]);
    assert.equal((await send(named, { id: "1" }, "other"))[0], "hit", "another tenant's is still there");
  });

  example("jobs.js", async (app, { importRates }) => {
    await app.request("/rates");
    assert.equal((await app.request("/rates")).cache, "hit");
    await importRates(["tenant-1"]);
    assert.deepEqual(JSON.parse((await app.request("/rates")).body), { rate: 2 });
  });

  example("console.js", async (app, { monitor }) => {
    const login = async (name: string, password: string) => {
      const body = new URLSearchParams({ name, password });
      const answer = await app.request("/login", { method: "POST", body, tenant: "" });
      return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
    };
    const read = (cookie: string, page: string) =>
      app.request(page, { tenant: "", headers: cookie === "" ? {} : { cookie } });
    const nobody = await read("", "/ops/cache/");
    assert.deepEqual([nobody.status, nobody.headers.get("location")], [303, "/login"]);
    assert.equal((await read(await login("ada", "wrong"), "/ops/cache/")).status, 303);
    const [olga, ada, max] = [await login("olga", "o"), await login("ada", "a"), await login("max", "m")];
    assert.equal((await read(max, "/ops/cache/")).status, 403);
    assert.equal((await read(ada, "/invoices")).status, 200);
    assert.equal((await read("", "/invoices")).status, 401);
    for (const cookie of [olga, ada]) {
      const explained = await read(cookie, "/ops/cache/explain?tenant=acme&url=%2Finvoices");
      assert.match(explained.body, /<h2>hit/);
    }
    assert.equal((await read(olga, "/ops/cache/explain?tenant=other&url=%2Finvoices")).status, 200);
    assert.equal((await read(ada, "/ops/cache/explain?tenant=other&url=%2Finvoices")).status, 403);
    const cleo = await login("cleo", "c");
    assert.equal((await read(cleo, "/ops/cache/")).headers.get("location"), "orders");
    assert.equal((await read(cleo, "/ops/cache/tenants")).status, 403);
    const { body, headers } = await read(cleo, "/ops/cache/orders");
    assert.match(body, /No order of acme is late/);
    const secret = (headers.get("set-cookie") ?? "").split(";")[0];
    const left = await app.request("/ops/cache/sign-out", {
      method: "POST",
      tenant: "",
      body: new URLSearchParams({ token: /name="token" value="([^"]*)"/.exec(body)?.[1] ?? "" }),
      headers: { cookie: `${cleo}; ${secret}`, origin: app.url },
    });
    assert.deepEqual([left.status, left.headers.get("location")], [303, "/login"]);
    assert.equal((await read(cleo, "/ops/cache/orders")).headers.get("location"), "/login");
    monitor.stop();
  });

  // The store itself: contract/custom-store.test.ts, integration/own-store.test.ts.
  example("custom-store.js", async (app, { cache }) => {
    // A file may take longer to write than a request waits, and the store rests for a moment then.
    await untilHit("/notes", async () => {
      const { cache: status } = await app.request("/notes");
      await cache.idle();
      return { status };
    });
    await app.request("/notes", { method: "POST" });
    assert.deepEqual(JSON.parse((await app.request("/notes")).body), [1]);
  });

  test("custom-store-test.js passes, on Node's runner, and docs/use/creating-a-store.md shows it", async () => {
    const name = "custom-store-test.js";
    tried.add(name);
    // Node's runner says nothing of tests to a process that a runner of its own has started.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, ["--test", `${FOLDER}/${name}`], { env });
    assert.match(stdout, /^. tests [3-9]\d$/m);
    assert.match(stdout, /^. fail 0$/m);
    const page = readFileSync(projectFile("docs", "use", "creating-a-store.md"), "utf8");
    const file = readFileSync(`${FOLDER}/${name}`, "utf8").replace(/^\/\/.*\n/, "");
    assert.equal(/```js\n(.*?)```/s.exec(page)?.[1], file);
  });

  example("several-instances.js", async (app) => {
    for (const path of ["/lists", "/settings"]) await app.request(path);
    await app.request("/settings", { method: "PUT" });
    assert.equal((await app.request("/lists")).cache, "hit");
    assert.equal((await app.request("/settings")).cache, "fwd=miss; stored");
  });

  test("every example is tried", () => {
    assert.deepEqual([...tried].sort(), [...readdirSync(FOLDER)].sort());
  });
});
