// What `track` and `dependsOn: "auto"` refuse, and what they say to write instead.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import { closeAfterTest } from "../../../../servers/in-test.js";
import { createFeed } from "../../../src/feed/index.js";
import { createTenantCache } from "../../../src/index.js";
import { quiet } from "../../support/caches.js";

const database = { query: () => Promise.reject(new Error("away")) };
const pool = { ...database, connect: () => Promise.reject(new Error("away")), totalCount: 0 };

function openCache(withFeed = true) {
  const feed = createFeed({ database, tables: { accounts: { tenant: "tenant_id" } } });
  const cache = createTenantCache({ tenant: () => "t1", logger: quiet, ...(withFeed && { feed }) });
  closeAfterTest(cache);
  return cache;
}

test("a table's name is its module, where it can be one", () => {
  assert.throws(() => createFeed({ database, tables: { 'sales."Big Orders"': { tenant: null } } }), {
    code: "ETC_MODULE_NAME",
    message: /Big Orders.*module: "accounts"/,
  });
});

test("without a feed nothing says when rows change", () => {
  const cache = openCache(false);
  for (const call of [
    () => cache.track(pool),
    () => cache.cacheList("accounts", { dependsOn: "auto" }),
    () => cache.routes({ dependsOn: "auto", modules: { accounts: {} } }),
  ])
    assert.throws(call, { code: "ETC_AUTO", message: /createTenantCache\(\{ feed: createFeed/ });
});

test("without a pool nobody sees what handlers read", () => {
  const cache = openCache();
  assert.throws(() => cache.cacheList("accounts", { dependsOn: "auto" }), {
    code: "ETC_AUTO",
    message: /cache\.track\(pool\) before/,
  });
  assert.throws(() => cache.routes({ dependsOn: "auto" }), { code: "ETC_AUTO" });
  assert.equal(cache.track(pool), pool);
  cache.cacheList("accounts", { dependsOn: "auto" });
  cache.routes({ dependsOn: "auto" });
});

test("what is no pool, or reads from replicas", () => {
  const cache = openCache();
  const replicated = { connectionManager: { getConnection: () => undefined }, options: { replication: {} } };
  const refused: readonly unknown[] = [
    undefined,
    null,
    "postgres://x",
    {},
    { query: () => undefined },
    new Map(),
  ];
  for (const given of refused)
    assert.throws(() => cache.track(given as object), { code: "ETC_TRACK", message: /Pool of pg/ });
  for (const given of [replicated, { driver: { master: pool, slaves: [pool] } }])
    assert.throws(() => cache.track(given), { code: "ETC_TRACK", message: /replicas/ });
  assert.throws(() => (cache.track as (...args: unknown[]) => unknown)(pool, pool), {
    code: "ETC_ARGUMENTS",
  });
});

test("other texts than auto", () => {
  const cache = openCache();
  cache.track(pool);
  assert.throws(() => cache.cacheList("accounts", { dependsOn: "accounts" as "auto" }), {
    code: "ETC_OPTIONS",
    message: /dependsOn.*"auto"/,
  });
});
