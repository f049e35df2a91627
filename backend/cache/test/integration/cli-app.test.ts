// The command line over a running app: statistics, explanations, purges and warm-ups by its operations route.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { runHere } from "../support/command-line.js";
import { openOperatedApp } from "../support/operated-app.js";

type App = Awaited<ReturnType<typeof openOperatedApp>>;

const asking = (app: App, who = "operator") => {
  const run = async (...args: string[]) =>
    runHere([...args, "--app", `${app.url}/ops`, "--header", `x-who: ${who}`]);
  return {
    run,
    json: async (...args: string[]) => {
      const { code, stdout, stderr } = await run(...args, "--json");
      assert.equal(code, 0, stderr);
      return JSON.parse(stdout);
    },
  };
};

describe.each(["memory", "redis"] as const)("over an app, %s", (store) => {
  test("stats: what happened, by module and tenant; of one tenant to whom may see that one", async () => {
    const app = await openOperatedApp(store);
    for (const tenant of ["tenant-1", "tenant-1", "tenant-2"]) await app.request("/things/1", { tenant });
    await app.cache.idle();
    const { json, run } = asking(app);
    const stats = await json("stats");
    assert.deepEqual([stats.totals.hits, stats.totals.misses], [1, 2]);
    const { stdout } = await run("stats");
    assert.match(stdout, /things +1 +2 +33\.3 %/);
    assert.match(stdout, /tenant-1 +1 +1 +50\.0 %/);
    assert.doesNotMatch(stdout, /made so/);
    for (const tenant of ["tenant-1", "tenant-2"]) await app.cache.invalidateTenantCache(tenant, "things");
    await app.cache.clear();
    assert.match((await run("stats")).stdout, /^stale +made so: 2 modules by call, 1 everything by clear$/m);
    const admin = asking(app, "admin");
    const all = await admin.run("stats");
    assert.equal(all.code, 4);
    assert.match(all.stderr, /--tenant/);
    assert.equal((await admin.json("stats", "--tenant", "tenant-1")).totals.hits, 1);
    assert.match((await admin.run("stats", "--tenant", "tenant-1")).stdout, /things +1 +1/);
    assert.equal((await admin.run("stats", "--tenant", "tenant-2")).code, 4);
  });

  test("explain: the explanation, and every field of it for people; headers and body of the request", async () => {
    const app = await openOperatedApp(store);
    const { json, run } = asking(app);
    await app.request("/things/1");
    await app.cache.idle();
    const hit = await json("explain", "/things/1", "--tenant", "tenant-1");
    assert.equal(hit.verdict, "hit");
    const byHeader = await json("explain", "/things/1", "--request-header", "x-tenant: tenant-1");
    assert.equal(byHeader.verdict, "hit");
    await app.request("/things", { method: "POST", headers: { "x-request-id": "request-9" } });
    const { stdout, code } = await run("explain", "/things/1", "--tenant", "tenant-1");
    assert.equal(code, 0);
    for (const told of [
      /^verdict +miss: its handler would run$/m,
      /^Cache-Status +fwd=miss; stored$/m,
      /^why +fenced/m,
    ])
      assert.match(stdout, told);
    assert.match(stdout, /^route +GET \/things\/:id$/m);
    assert.match(stdout, /^module things +set .*route POST \/things, .*request request-9/m);
    const nobody = await json("explain", "/nothing", "--tenant", "tenant-1");
    assert.equal(nobody.verdict, "not-cached");
    assert.equal((await run("explain", "things", "--tenant", "tenant-1")).code, 2);
  });

  test("explain --request-id: why a request was no hit", async () => {
    const app = await openOperatedApp(store);
    await app.request("/things/1", { headers: { "x-request-id": "request-1" } });
    await app.cache.idle();
    const { json, run } = asking(app);
    const { requests } = await json("explain", "--request-id", "request-1");
    assert.equal(requests[0].miss.reason, "cold");
    assert.match((await run("explain", "--request-id", "request-1")).stdout, /^why +cold/m);
    assert.match((await run("explain", "--request-id", "none")).stdout, /nothing is known of it/);
  });

  test("purge: a plan, and what was planned; on record with its reason", async () => {
    const app = await openOperatedApp(store);
    await app.request("/things/1");
    await app.cache.idle();
    const { json, run } = asking(app);
    const dry = await json("purge", "--tenant", "tenant-1", "--module", "things");
    assert.deepEqual([dry.dryRun, dry.entries, dry.confirmed], [true, 1, null]);
    assert.equal((await app.request("/things/1")).cache, "hit");
    const args = [
      "purge",
      "--tenant",
      "tenant-1",
      "--url",
      "/things/1",
      "--yes",
      "--reason",
      "prices were wrong",
    ];
    const purged = await run(...args);
    assert.equal(purged.code, 0, purged.stderr);
    assert.match(purged.stdout, /purged: \/things\/1 of tenant tenant-1[\s\S]*confirmed/);
    assert.equal((await app.request("/things/1")).cache, "fwd=miss; stored");
    const [cause] = await app.cache.causes({ tenant: "tenant-1" });
    assert.equal(cause?.reason, "prices were wrong");
    const viewer = await asking(app, "viewer").run("purge", "--tenant", "tenant-1");
    assert.equal(viewer.code, 4);
  });

  test("warm: lists warm-ups, runs one and waits for it", async () => {
    const app = await openOperatedApp(store);
    const { json, run } = asking(app);
    assert.match((await run("warm")).stdout, /values +not run yet/);
    const { results } = await json("warm", "values");
    assert.deepEqual([results[0].name, results[0].failed, results[0].total], ["values", 0, 2]);
    assert.deepEqual(app.warmed.sort(), ["tenant-1", "tenant-2"]);
    assert.match((await run("warm")).stdout, /values +2 of 2 warm, 0 failed/);
    const unknown = await run("warm", "nothing");
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /there is no nothing; .* has values/);
    assert.equal((await asking(app, "viewer").run("warm", "values")).code, 4);
  });
});

describe("an app that does not answer as one", () => {
  const listening = async (status: number, headers: Record<string, string>, body: string) => {
    const server = createServer((_req, res) => void res.writeHead(status, headers).end(body)).listen(
      0,
      "127.0.0.1",
    );
    await once(server, "listening");
    afterTest(() => server.close());
    afterTest(() => server.closeAllConnections());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/ops`;
  };
  const cases: [string, Parameters<typeof listening>, number, RegExp][] = [
    [
      "nothing is mounted there",
      [404, {}, "<h1>Not Found</h1>"],
      2,
      /not where cache\.operations is mounted/,
    ],
    ["a page", [200, {}, "<h1>Hello</h1>"], 2, /not cache\.operations/],
    ["a login", [302, { location: "/login" }, ""], 4, /leads elsewhere \(HTTP 302 to \/login\)/],
    ["a token is missing", [401, {}, "{}"], 4, /ETC_APP_TOKEN/],
    [
      "too often",
      [429, { "retry-after": "7" }, '{"error":{"code":"rate","message":"m"}}'],
      4,
      /again in 7 s/,
    ],
    ["a failure", [503, {}, ""], 3, /HTTP 503/],
  ];
  for (const [name, answer, exit, told] of cases)
    test(name, async () => {
      const { code, stderr } = await runHere(["stats", "--app", await listening(...answer)]);
      assert.equal(code, exit, stderr);
      assert.match(stderr, told);
    });

  test("a stranger, and a token in the environment", async () => {
    const app = await openOperatedApp("memory", {
      operations: {
        authorize: (req) => req.get("authorization") === "Bearer t0ken" && { view: true, tenants: "all" },
      },
    });
    const url = `${app.url}/ops`;
    assert.equal((await runHere(["stats", "--app", url])).code, 4);
    const right = await runHere(["stats"], { ETC_APP_URL: url, ETC_APP_TOKEN: "t0ken" });
    assert.equal(right.code, 0, right.stderr);
    assert.doesNotMatch(right.stdout, /t0ken/);
  });
});
