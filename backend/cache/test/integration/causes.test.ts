// Who has invalidated what: written with the fences, read in any process, bounded, pseudonymous, and done without where a server refuses.
import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { until } from "../../../servers/until.js";
import {
  type CauseKind,
  createTenantCache,
  type InvalidatedEvent,
  type TenantCacheOptions,
} from "../../src/index.js";
import { isError } from "../../src/thrown.js";
import { openCache, quiet, READY_WITHIN_MS, STORES, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

const SECRET = "a secret of the test";

async function open(store: StoreName, options: Partial<TenantCacheOptions> = {}) {
  const cache = await openCache(store, {
    actor: (req) => req.get("x-user"),
    causes: { secret: SECRET },
    ...options,
  });
  const app = await serve((express) => {
    express.get("/accounts/:id", cache.cacheList("accounts"), (_req, res) => void res.json({}));
    express.post("/orgs/:org/accounts/:id", cache.invalidateCache("accounts"), (_req, res) => {
      res.sendStatus(204);
    });
    const guard = { modules: ["plans"], tags: () => ["plan-1"], guard: true };
    express.put("/plans", cache.invalidateCache(guard), (_req, res) => void res.sendStatus(204));
    express.patch("/hooked", cache.invalidateTouched(), async (_req, res) => {
      void cache.touched("contacts", "contact-7");
      res.sendStatus(204);
    });
    express.patch("/called", cache.invalidateTouched(), async (_req, res) => {
      await cache.invalidateTenantCache("tenant-1", "leads");
      res.sendStatus(204);
    });
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const headers = { "x-user": "ada@example.com", "x-request-id": "req-1" };
  return { ...app, cache, write: (method: string, path: string) => app.request(path, { method, headers }) };
}

const kindsOf = (causes: readonly { readonly kind: CauseKind }[]) => causes.map(({ kind }) => kind);

describe.each(STORES)("causes, %s", (store) => {
  test("each kind of change says what, by whom and in which request", async () => {
    const { cache, write } = await open(store);
    await write("POST", "/orgs/42/accounts/17");
    await write("PUT", "/plans");
    await write("PATCH", "/hooked");
    await write("PATCH", "/called");
    await cache.invalidateTags("tenant-1", "a-tag");
    await cache.asTenant("tenant-1", async () => void cache.touched("orders"));
    await cache.because({ job: "nightly import" }, () => cache.invalidateTenantCache("tenant-1", "prices"));
    await cache.because({ reason: "wrong prices", actor: { tenant: "tenant-1", subject: "op" } }, () =>
      cache.invalidateAllTenant("tenant-1"),
    );
    const causes = [...(await cache.causes({ tenant: "tenant-1" }))].reverse();
    const actor = causes[0]?.actor;
    assert.match(actor ?? "", /^[\w-]{16}$/);
    const request = { actor, requestId: "req-1", reason: undefined };
    const nobody = { actor: undefined, requestId: undefined, reason: undefined };
    const expected = [
      { ...request, kind: "route", name: "POST /orgs/:org/accounts/:id", modules: ["accounts"], tags: [] },
      { ...request, kind: "route", name: "PUT /plans", modules: ["plans"], tags: ["plan-1"] },
      { ...request, kind: "touched", name: "PATCH /hooked", modules: ["contacts"], tags: ["contact-7"] },
      { ...request, kind: "call", name: "PATCH /called", modules: ["leads"], tags: [] },
      { ...nobody, kind: "call", name: "invalidateTags", modules: [], tags: ["a-tag"] },
      { ...nobody, kind: "job", name: undefined, modules: ["orders"], tags: [] },
      { ...nobody, kind: "job", name: "nightly import", modules: ["prices"], tags: [] },
    ];
    const told = causes.map(({ atMs, tenant, everything, ...cause }) => cause);
    assert.deepEqual(told.slice(0, -1), expected);
    const last = causes.at(-1);
    assert.equal(last?.kind, "operator");
    assert.equal(last.everything, true);
    assert.equal(last.reason, "wrong prices");
    assert.notEqual(last.actor, actor);
    for (const { atMs, tenant } of causes) {
      assert.ok(Math.abs(Date.now() - atMs) < 60_000);
      assert.equal(tenant, "tenant-1");
    }
    assert.doesNotMatch(JSON.stringify(told), /ada@example|42|17/, "no subject, no id of a path");
    assert.deepEqual(await cache.causes({ tenant: "tenant-2" }), []);
    assert.deepEqual(kindsOf(await cache.causes({ tenant: "tenant-1", module: "prices" })), [
      "operator",
      "job",
    ]);
    assert.equal((await cache.causes({ tenant: "tenant-1", limit: 3 })).length, 3);
  });

  test("forgotten URLs, modules of all tenants, and everything", async () => {
    const { cache, request } = await open(store);
    await request("/accounts/1");
    await cache.idle();
    await cache.forget({ tenant: "tenant-1", url: "/accounts/1" });
    const heard: InvalidatedEvent[] = [];
    cache.events.on("invalidated", (event) => void heard.push(event));
    await cache.invalidateModule("accounts");
    await cache.clear();
    assert.deepEqual(
      heard.map(({ kind, tenant, modules, everything, confirmed }) => [
        kind,
        tenant,
        modules.join(),
        everything,
        confirmed,
      ]),
      [
        ["clear", "tenant-1", "accounts", false, true],
        ["clear", "tenant-1", "", true, true],
      ],
    );
    const causes = await cache.causes({ tenant: "tenant-1" });
    assert.deepEqual(kindsOf(causes), ["clear", "clear", "forget"]);
    assert.deepEqual(
      causes.map(({ everything, modules }) => [everything, modules]),
      [
        [true, []],
        [false, ["accounts"]],
        [false, []],
      ],
    );
  });

  test("an invalidation is an event, on the emitter and on its channel", async () => {
    const { cache, write } = await open(store);
    const emitted: InvalidatedEvent[] = [];
    const published: unknown[] = [];
    const listener = (event: unknown) => void published.push(event);
    cache.events.on("invalidated", (event) => void emitted.push(event));
    subscribe("express-tenant-cache:invalidated", listener);
    await write("POST", "/orgs/1/accounts/2");
    unsubscribe("express-tenant-cache:invalidated", listener);
    assert.equal(emitted.length, 1);
    assert.deepEqual(published, emitted);
    const { actor, ...event } = emitted[0] as InvalidatedEvent;
    assert.ok(actor);
    assert.deepEqual(event, {
      kind: "route",
      name: "POST /orgs/:org/accounts/:id",
      requestId: "req-1",
      tenant: "tenant-1",
      modules: ["accounts"],
      tags: [],
      everything: false,
      confirmed: true,
      elsewhere: false,
    });
  });

  test("causes: false keeps none", async () => {
    const { cache, write } = await open(store, { causes: false });
    await write("POST", "/orgs/1/accounts/2");
    assert.deepEqual(await cache.causes({ tenant: "tenant-1" }), []);
  });

  test("what a request says of itself is an id, or nothing", async () => {
    const { cache, request } = await open(store);
    const odd = { "x-user": "x".repeat(500), "x-request-id": "an id <script>" };
    await request("/orgs/1/accounts/2", { method: "POST", headers: odd });
    const [cause] = await cache.causes({ tenant: "tenant-1" });
    assert.equal(cause?.requestId, undefined);
    assert.match(cause?.actor ?? "", /^[\w-]{16}$/);
  });
});

describe("causes in Redis", () => {
  test("another process reads them, under the same pseudonyms; they are bounded and end", async () => {
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const options = {
      redis: server.url,
      keyPrefix: "",
      causes: { secret: SECRET, maxPerTenant: 50 },
    } as const;
    const [one, other] = await Promise.all([open("redis", options), open("redis", options)]);
    for (let n = 0; n < 400; n++) await one.cache.invalidateTenantCache("tenant-1", "accounts");
    await one.write("POST", "/orgs/1/accounts/2");
    await other.write("POST", "/orgs/1/accounts/2");
    const causes = await other.cache.causes({ tenant: "tenant-1", limit: 1000 });
    assert.ok(causes.length >= 50 && causes.length < 250, `${causes.length} are kept`);
    assert.equal(causes[0]?.actor, causes[1]?.actor);
    const admin = new Redis(server.url);
    const ttl = await admin.pttl("causes:tenant-1");
    assert.ok(ttl > 86_000_000 && ttl <= 86_400_000, `${ttl} ms`);
    // Of somebody who writes into the same Redis.
    await admin.xadd("causes:tenant-1", "*", "at", "1", "cause", "no cause");
    await admin.xadd("causes:tenant-1", "*", "at", "2", "cause", '{"k":"nothing"}');
    assert.equal((await other.cache.causes({ tenant: "tenant-1", limit: 2 })).length, 0);
    assert.equal((await other.cache.causes({ tenant: "tenant-1", limit: 3 })).length, 1);
    admin.disconnect();
  });

  test("a server that refuses them invalidates all the same, and is asked once", async () => {
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const admin = new Redis(server.url);
    const few = "~tenant:* ~fence:* ~lease:* ~index:* ~generations:* ~ledger:* ~sweep:* +@all -xadd".split(
      " ",
    );
    const users = { "no-xadd": ["~*", "+@all", "-xadd"], "no-key": few };
    for (const [name, rules] of Object.entries(users)) {
      await admin.call("ACL", "SETUSER", name, "on", ">secret", ...rules);
      await admin.call("ACL", "LOG", "RESET");
      const warned: string[] = [];
      const redis = `redis://${name}:secret@${server.host}:${server.port}`;
      const logger = { ...quiet, warn: (line: string) => void warned.push(line) };
      const { cache, request, write } = await open("redis", { redis, logger, keyPrefix: "" });
      await request("/accounts/1");
      await cache.idle();
      assert.equal((await request("/accounts/1")).cache, "hit", name);
      for (let n = 0; n < 3; n++) await write("POST", "/orgs/1/accounts/2");
      assert.equal((await request("/accounts/1")).cache, "fwd=miss; stored", name);
      assert.equal(cache.health().reason, null);
      assert.deepEqual(await cache.causes({ tenant: "tenant-1" }), []);
      const lines = warned.filter((line) => line.includes("causes of invalidations are not kept"));
      assert.equal(lines.length, 1, warned.join("\n"));
      assert.match(lines[0] ?? "", /allow \+xadd/);
      assert.doesNotMatch(lines[0] ?? "", /tenant-1/);
      const refusals = ((await admin.call("ACL", "LOG")) as unknown[][]).length;
      assert.ok(refusals <= 2, `${refusals} refusals`);
    }
    admin.disconnect();
  });

  test("on a Cluster they are in the slot of their tenant", async () => {
    const cluster = await startRedisCluster();
    afterTest(() => cluster.stop());
    const { cache, write } = await open("redis", { redis: { cluster: cluster.nodes } });
    await write("POST", "/orgs/1/accounts/2");
    await cache.invalidateTenantCache("tenant-2", "accounts");
    assert.deepEqual(kindsOf(await cache.causes({ tenant: "tenant-1" })), ["route"]);
    assert.deepEqual(kindsOf(await cache.causes({ tenant: "tenant-2" })), ["call"]);
  });

  test("what waited for the store is put down to the recovery", async () => {
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const { cache, write } = await open("redis", { redis: server.url });
    await server.kill();
    await until("the circuit is open", async () => cache.health().circuit !== "closed");
    await write("POST", "/orgs/1/accounts/2");
    await cache.invalidateTags("tenant-1", "a-tag");
    assert.deepEqual(await cache.causes({ tenant: "tenant-1" }), [], "the store is away");
    await server.restart();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    const [cause, ...more] = await cache.causes({ tenant: "tenant-1" });
    assert.equal(cause?.kind, "recovery");
    assert.deepEqual([cause.modules, cause.tags], [["accounts"], ["a-tag"]]);
    assert.deepEqual(more, []);
  });
});

test("what because is told is checked", async () => {
  const cache = createTenantCache({ tenant: () => "a", logger: quiet });
  const work = async () => undefined;
  for (const [given, said] of [
    [{}, /job: "nightly import"/],
    [{ name: "import" }, /name/],
    [{ job: "" }, /job/],
    [{ reason: "x", actor: { tenant: "*", subject: "op" } }, /tenant/],
  ] as const)
    await assert.rejects(cache.because(given as never, work), (error) => {
      assert.ok(isError(error));
      assert.match(error.message, /^ETC_OPTIONS/);
      assert.match(error.message, said);
      return true;
    });
  await assert.rejects(cache.because({ job: "import" }, "work" as never), /ETC_ARGUMENTS/);
  await assert.rejects(cache.causes({ tenant: "*" }), /ETC_TENANT_ID/);
  await assert.rejects(cache.causes({ tenant: "a", limits: 3 } as never), /ETC_OPTIONS/);
  await cache.close();
});
