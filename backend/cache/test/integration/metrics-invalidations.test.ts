// Each kind of invalidation is counted, by how much it reaches and who does it: in stats, and in the exposition that is scraped.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { closeAfterTest } from "../../../servers/in-test.js";
import { createTenantCache, type TenantCache } from "../../src/index.js";
import { quiet, STORES } from "../support/caches.js";
import { Exposition } from "../support/exposition.js";
import { LeavingStore } from "../support/leaving-store.js";
import { openOperatedApp } from "../support/operated-app.js";

/** What has been counted of causes: scope and cause, and how often. */
async function counted(cache: TenantCache): Promise<Record<string, number>> {
  const shown = new Exposition(await cache.metrics());
  const samples = shown.all("etc_invalidation_causes_total");
  assert.equal(samples.length, 6 * 8, "all pairs are there from the start");
  const some = samples.flatMap(({ labels: { scope, cause }, value }) =>
    value > 0 ? [[`${scope} ${cause}`, value] as const] : [],
  );
  return Object.fromEntries(some.sort());
}

describe.each(STORES)("invalidations by reach and cause, %s", (store) => {
  test("of calls, of jobs, and of routes", async () => {
    const { cache, request } = await openOperatedApp(store);
    assert.deepEqual(await counted(cache), {});
    for (const tenant of ["tenant-1", "tenant-2"]) await request("/things/1", { tenant });
    await cache.idle();
    await cache.invalidateTenantCache("tenant-1", "things", "others");
    await cache.invalidateTags("tenant-1", "thing-1");
    await cache.invalidateAllTenant("tenant-1");
    await cache.forget({ tenant: "tenant-1", url: "/things/1" });
    await cache.invalidateModule("things");
    await cache.clear();
    await cache.because({ job: "import" }, () => cache.invalidateTenantCache("tenant-1", "things"));
    assert.deepEqual(await counted(cache), {
      "everything clear": 1,
      "module-everywhere clear": 1,
      "modules call": 1,
      "modules job": 1,
      "tags call": 1,
      "tenant call": 1,
      "url forget": 1,
    });
    const { invalidations, totals } = await cache.stats();
    assert.deepEqual(invalidations?.modules, { call: 1, job: 1 });
    assert.deepEqual(invalidations?.everything, { clear: 1 });
    // things and others; the tag; the tenant; the URL; things of two tenants; both tenants; things.
    assert.equal(totals.invalidations, 2 + 1 + 1 + 1 + 2 + 2 + 1);
    assert.equal((await cache.stats({ tenantId: "tenant-1" })).invalidations, undefined);
    const shown = new Exposition(await cache.metrics());
    assert.equal(shown.sum("etc_invalidations_total"), totals.invalidations);
  });

  test("of purges by operators", async () => {
    const { ask, cache, request } = await openOperatedApp(store);
    for (const tenant of ["tenant-1", "tenant-2"]) await request("/things/1", { tenant });
    await cache.idle();
    for (const json of [
      { scope: "modules", tenant: "tenant-1", names: ["things"] },
      { scope: "tags", tenant: "tenant-1", names: ["thing-1"] },
      { scope: "tenant", tenant: "tenant-1" },
      { scope: "url", tenant: "tenant-1", url: "/things/1" },
      { scope: "module-everywhere", names: ["things"] },
      { scope: "everything" },
    ]) {
      const whole = { reason: "a test", ...json };
      const { data } = await ask("purge", { json: whole });
      assert.equal((await ask("purge", { json: { ...whole, plan: data.plan } })).status, 200);
    }
    const names = ["everything", "module-everywhere", "modules", "tags", "tenant", "url"];
    assert.deepEqual(
      await counted(cache),
      Object.fromEntries(names.map((scope) => [`${scope} operator`, 1])),
    );
  });
});

test("while the store is away, everything is counted as one that waits", async () => {
  const store = new LeavingStore({ maxBytes: 1e6, maxTenantBytes: 1e6 });
  const cache = createTenantCache({ tenant: () => "tenant-1", store: () => store, logger: quiet });
  closeAfterTest(cache);
  await cache.ready(1000);
  store.leave();
  assert.equal(await cache.clear(), false);
  assert.deepEqual(await counted(cache), { "everything clear": 1 });
  const shown = new Exposition(await cache.metrics());
  assert.equal(shown.sum("etc_invalidations_total"), 1);
  assert.equal(shown.sum("etc_deferred_invalidations_total"), 1);
});
