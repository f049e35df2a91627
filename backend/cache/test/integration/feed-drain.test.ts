// Writes that never pass through the API are seen: what the drain fences, what it leaves cached, and what covered reads ask for.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { STORES } from "../support/caches.js";
import { openFeedApp, untilFenced } from "../support/feed-app.js";
import { gate } from "../support/http-app.js";

const X_MS = 250;
/** What the promise allows, and what the test's own timers may be late. */
const LATER_MS = X_MS + 20;
/** Where hits are asked for: the token outlives what a busy machine takes. */
const PATIENT = { maxDelayMs: 10_000 };

describe.each(STORES)("writes past the API, %s", (store) => {
  test("are fenced by their tenant and module, and nothing else is", async () => {
    const app = await openFeedApp({ store, feed: PATIENT });
    const { read, warm } = app;
    for (const tenant of ["t0", "t1"]) await warm("/orders", tenant);
    await warm("/free");
    await untilFenced(app, () => app.pool.query("UPDATE orders SET total = 77 WHERE tenant_id = 't1'"));
    assert.match((await read("/orders")).body, /"total":77/);
    assert.equal((await read("/orders", "t0")).status, "hit");
    assert.equal((await read("/free")).status, "hit");
    assert.equal((await warm("/orders")).status, "hit");
  });

  test("a hundred times in a row, each x after", async () => {
    const { pool, read, warm } = await openFeedApp({ store });
    await warm("/orders");
    for (let total = 100; total < 120; total++) {
      await pool.query("UPDATE orders SET total = $1 WHERE id = 1", [total]);
      await delay(LATER_MS);
      assert.match((await read("/orders")).body, new RegExp(`"total":${total}\\b`));
      await read("/orders");
    }
  });

  test("of one record reach its module, and what carries its tag, in other modules too", async () => {
    const app = await openFeedApp({ store, feed: PATIENT });
    const { read, warm } = app;
    for (const path of ["/names/1", "/names/3", "/accounts", "/orders"]) await warm(path);
    await warm("/accounts", "t0");
    await untilFenced(app, () => app.pool.query("UPDATE accounts SET name = 'renamed' WHERE id = 1"));
    assert.equal((await read("/names/1")).body, '[{"name":"renamed"}]');
    assert.match((await read("/accounts")).body, /"renamed"/);
    for (const path of ["/names/3", "/orders"]) assert.equal((await read(path)).status, "hit");
    assert.equal((await read("/accounts", "t0")).status, "hit");
  });

  test("of more rows than maxTags reach all that the tenant has", async () => {
    const app = await openFeedApp({ store, feed: { ...PATIENT, maxTags: 2 } });
    const { read, warm } = app;
    for (const id of [1, 2]) await warm(`/names/${id}`, `t${id % 2}`);
    await warm("/accounts");
    await untilFenced(app, () => app.pool.query("UPDATE accounts SET name = 'all' WHERE tenant_id = 't1'"));
    assert.match((await read("/accounts")).body, /"all"/);
    assert.equal((await read("/names/1", "t1")).body, '[{"name":"all"}]');
    assert.equal((await read("/names/2", "t0")).status, "hit");
  });

  test("of all tenants reach every covered route, and no other", async () => {
    const { pool, read, warm } = await openFeedApp({ store });
    for (const path of ["/orders", "/rates", "/free"]) await warm(path);
    await pool.query("INSERT INTO rates VALUES (1, 5)");
    await delay(LATER_MS);
    assert.equal((await read("/rates")).body, '[{"id":1,"value":5}]');
    await pool.query("TRUNCATE orders");
    await delay(LATER_MS);
    assert.equal((await read("/orders")).body, "[]");
    assert.equal((await read("/free")).status, "hit");
  });

  test("that commit while a handler reads keep its answer from being served", async () => {
    let whenRead: () => Promise<void> = async () => undefined;
    const { pool, read, warm } = await openFeedApp({ store, held: () => whenRead() });
    await warm("/rates");
    const [hasRead, held] = [gate(), gate()];
    whenRead = () => {
      hasRead.open();
      return held.passed;
    };
    const first = read("/orders");
    await hasRead.passed;
    whenRead = async () => undefined;
    await pool.query("UPDATE orders SET total = 5 WHERE id = 1");
    await delay(LATER_MS);
    // It does not wait for the first either, whose handler began before.
    assert.match((await read("/orders")).body, /"total":5/);
    held.open();
    await first;
    assert.match((await read("/orders")).body, /"total":5/);
  });
});

test("a transaction that is open for long delays nobody, and is seen x after it commits", async () => {
  const { pool, read, warm } = await openFeedApp({ store: "redis" });
  const long = await pool.connect();
  afterTest(() => long.release(true));
  await warm("/orders");
  await long.query("BEGIN; UPDATE orders SET total = 41 WHERE id = 1");
  for (let total = 1; total < 6; total++) {
    await pool.query("UPDATE orders SET total = $1 WHERE id = 3", [total]);
    await delay(LATER_MS);
    assert.match((await read("/orders")).body, new RegExp(`"id":3,"total":${total}`));
  }
  await warm("/orders");
  await long.query("COMMIT");
  await delay(LATER_MS);
  assert.match((await read("/orders")).body, /"total":41/);
});

test("another process sees what one of them drains, and takes over where that ends", async () => {
  const one = await openFeedApp({ store: "redis" });
  const keyPrefix = `test:shared:${Date.now()}:`;
  const first = await openFeedApp({ store: "redis", beside: one, cache: { keyPrefix } });
  await first.warm("/orders");
  await one.close();
  const second = await openFeedApp({ store: "redis", beside: first, cache: { keyPrefix } });
  await second.warm("/orders");
  await first.pool.query("UPDATE orders SET total = 9 WHERE id = 1");
  await delay(LATER_MS);
  assert.match((await second.read("/orders")).body, /"total":9/);
  await first.close();
  await second.warm("/orders");
  await first.pool.query("UPDATE orders SET total = 10 WHERE id = 1");
  await delay(LATER_MS);
  assert.match((await second.read("/orders")).body, /"total":10/);
});
