// An app whose requests hold all connections of its pool: the feed has some of its own, and goes on.
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { OwnConnections } from "../../src/feed/own-connections.js";
import { STORES } from "../support/caches.js";
import { openFeedApp, untilFenced } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

/** Another service. */
async function connectBeside(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  afterTest(() => client.end());
  return client;
}

/** Until the test has ended. */
async function holdAll(pool: pg.Pool): Promise<void> {
  const held = await Promise.all(Array.from({ length: pool.options.max }, () => pool.connect()));
  afterTest(async () => {
    for (const client of held) client.release();
  });
}

describe.each(STORES)("a pool that requests have filled, %s", (store) => {
  test("what is written past the API is fenced, and all else is a hit", async () => {
    // A miss would wait for a connection until the end: the token outlives what a busy machine takes.
    const app = await openFeedApp({ store, feed: { maxDelayMs: 10_000 } });
    for (const tenant of ["t0", "t1"]) await app.warm("/orders", tenant);
    const service = await connectBeside(app.url);
    await holdAll(app.pool);
    for (let total = 2; total < 5; total++) {
      await untilFenced(app, () =>
        service.query("UPDATE orders SET total = $1 WHERE tenant_id = 't1'", [total]),
      );
      await app.warm("/orders", "t0");
    }
  });
});

test("connections of the feed's own are set up as those of the app, and belong to no request", async () => {
  const { pool } = await openFeedDatabase();
  const requests = new AsyncLocalStorage<string>();
  const stores: (string | undefined)[] = [];
  pool.on("connect", (client) => {
    stores.push(requests.getStore());
    void client.query("SET search_path TO somewhere");
  });
  const connections = new OwnConnections();
  afterTest(() => connections.close());
  const { rows } = await requests.run("a request", () => connections.of(pool).query("SHOW search_path"));
  assert.deepEqual(rows, [{ search_path: "somewhere" }]);
  assert.deepEqual(stores, [undefined]);
});

test("an app that has ended its pool can drop its database", async () => {
  const { pool, url } = await openFeedDatabase();
  const beside = new pg.Pool({ connectionString: url });
  const connections = new OwnConnections();
  afterTest(() => connections.close());
  const own = connections.of(beside);
  await own.query("SELECT 1");
  await beside.end();
  await assert.rejects(own.query("SELECT 1"), /after calling end/);
  await until("nobody is connected but who asks", async () => {
    const sql = "SELECT count(*)::int AS others FROM pg_stat_activity WHERE datname = current_database()";
    return (await pool.query(sql)).rows[0].others === 1;
  });
});
