// Purges by the operations route: planned, done once, put on record, and not too often.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { STORES } from "../support/caches.js";
import { openOperatedApp } from "../support/operated-app.js";

describe.each(STORES)("purges, %s", (store) => {
  test("first what would go, then it is gone, and on record", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    for (const id of [1, 2, 3]) await request(`/things/${id}`);
    await request("/others/1");
    await cache.idle();
    const json = { scope: "modules", tenant: "tenant-1", names: ["things"], reason: "wrong prices" };
    const { data: plan } = await ask("purge", { json });
    assert.deepEqual([plan.entries, plan.isExact, plan.what], [3, true, "things of tenant-1"]);
    assert.ok(plan.bytes > 0 && plan.expiresAtMs > Date.now());
    assert.equal((await request("/things/1")).cache, "hit", "a dry run purges nothing");
    const done = await ask("purge", { json: { ...json, plan: plan.plan } });
    assert.equal(done.status, 200);
    assert.equal(done.data.confirmed, true);
    assert.ok(done.data.tookMs >= 0);
    assert.match((await request("/things/1")).cache, /^fwd=miss/);
    assert.equal((await request("/others/1")).cache, "hit");
    const [cause] = await cache.causes({ tenant: "tenant-1" });
    assert.deepEqual([cause?.kind, cause?.reason, cause?.modules], ["operator", "wrong prices", ["things"]]);
    assert.match(cause?.actor ?? "", /^[\w-]{16}$/);
  });

  test("each scope reaches what it names, and no more", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    const paths = ["/things/1", "/things/2", "/others/1"];
    const tenants = ["tenant-1", "tenant-2"];
    const purged = async (json: object) => {
      for (const tenant of tenants) for (const path of paths) await request(path, { tenant });
      await cache.idle();
      const whole = { reason: "a test", ...json };
      const { data } = await ask("purge", { json: whole });
      assert.equal((await ask("purge", { json: { ...whole, plan: data.plan } })).status, 200);
      const gone: string[] = [];
      for (const tenant of tenants)
        for (const path of paths) {
          const answer = await request(path, { tenant });
          if (answer.cache !== "hit") gone.push(`${tenant} ${path}`);
        }
      await cache.idle();
      return gone;
    };
    assert.deepEqual(await purged({ scope: "modules", tenant: "tenant-1", names: ["others"] }), [
      "tenant-1 /others/1",
    ]);
    assert.deepEqual(
      await purged({ scope: "tenant", tenant: "tenant-2" }),
      paths.map((path) => `tenant-2 ${path}`),
    );
    assert.deepEqual(await purged({ scope: "url", tenant: "tenant-1", url: "/things/2" }), [
      "tenant-1 /things/2",
    ]);
    assert.deepEqual(
      await purged({ scope: "module-everywhere", names: ["others"] }),
      tenants.map((tenant) => `${tenant} /others/1`),
    );
    assert.equal((await purged({ scope: "everything" })).length, 6);
  });
});

describe("a plan", () => {
  const json = { scope: "tenant", tenant: "tenant-1", reason: "a test" };

  test("is good once, for what was planned, and for who planned it", async () => {
    const { ask } = await openOperatedApp("memory");
    const { data } = await ask("purge", { json });
    const again = (more: object, who = "operator") =>
      ask("purge", { who, json: { ...json, plan: data.plan, ...more } });
    assert.equal((await again({ reason: "another" })).status, 409);
    assert.equal((await again({ tenant: "tenant-2" })).status, 409);
    assert.equal((await again({}, "admin")).status, 409);
    const [until = "", signature = ""] = data.plan.split(".");
    assert.equal((await again({ plan: `${Number(until) + 1}.${signature}` })).status, 409);
    assert.equal((await again({ plan: "" })).status, 409);
    assert.equal((await again({ plan: "1.x" })).status, 409);
    assert.equal((await again({})).status, 200);
    assert.equal((await again({})).status, 409, "used before");
    for (const plan of [
      `0${data.plan}`,
      `${data.plan}.`,
      `${data.plan}.x`,
      `${Number(until)}.0.${signature}`,
    ])
      assert.equal((await again({ plan })).status, 409, `used before, and written otherwise: ${plan}`);
  });

  test("of another process is none", async () => {
    const [one, other] = [await openOperatedApp("memory"), await openOperatedApp("memory")];
    const { data } = await one.ask("purge", { json });
    assert.equal((await other.ask("purge", { json: { ...json, plan: data.plan } })).status, 409);
  });

  test("what is no purge is refused", async () => {
    const { ask } = await openOperatedApp("memory");
    for (const [wrong, said] of [
      [{ scope: "all" }, /scope: write one of modules, tenant/],
      [{ scope: "modules", names: [] }, /names: write/],
      [{ scope: "modules", names: ["Things!"] }, /names: write/],
      [{ scope: "modules", names: "things" }, /names: write/],
      [{ scope: "modules", names: Array.from({ length: 21 }, (_, n) => `m${n}`) }, /at most 20/],
      [{ scope: "tags", names: ["a b"] }, /names: write \["account-42"\]/],
      [{ scope: "url", url: "things" }, /url: write a path/],
      [{ scope: "tenant", url: "/things" }, /url: the scope tenant takes none/],
      [{ scope: "tenant", names: ["things"] }, /names: the scope tenant takes none/],
      [{ reason: "" }, /reason: say why/],
      [{ reason: "x".repeat(201) }, /reason: say why/],
      [{ reason: undefined }, /reason: say why/],
      [{ reason: { a: 1 } }, /reason: say why/],
      [{ reason: { toString: 1 } }, /reason: say why/],
      [{ plan: { toString: 1 } }, /plan: write what the dry run/],
      [{ dryRun: true }, /there is no field dryRun/],
    ] as const) {
      const said2 = await ask("purge", { json: { ...json, ...wrong } });
      assert.equal(said2.status, 400, JSON.stringify(wrong));
      assert.match(said2.error?.message ?? "", said);
    }
  });

  test("ten purges and thirty dry runs a minute for each person", async () => {
    const { ask } = await openOperatedApp("memory");
    const statuses: number[] = [];
    for (let n = 0; n < 11; n++) {
      const { data } = await ask("purge", { json });
      statuses.push((await ask("purge", { json: { ...json, plan: data.plan } })).status);
    }
    assert.deepEqual(statuses, [...Array.from({ length: 10 }, () => 200), 429]);
    const plans: number[] = [];
    for (let n = 0; n < 20; n++) plans.push((await ask("purge", { json })).status);
    assert.deepEqual(plans, [...Array.from({ length: 19 }, () => 200), 429]);
    const late = await ask("purge", { json });
    assert.ok(Number(late.headers.get("retry-after")) > 0);
    assert.equal((await ask("purge", { who: "admin", json })).status, 200, "another person");
  });
});
