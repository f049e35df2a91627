// A drain whose transactions are serializable by default: no transaction of the app's fails because somebody reads what it has noted.
import assert from "node:assert/strict";
import { test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { until } from "../../../servers/until.js";
import { openFeedApp } from "../support/feed-app.js";
import { openFeedDatabase } from "../support/feed-database.js";

test("a writer that another one has overtaken commits, though the drain has seen that one", async () => {
  const beside = await openFeedDatabase({ probeMs: 0 }, undefined, ({ options: { connectionString } }) => {
    const options = "-c default_transaction_isolation=serializable";
    const serializable = new pg.Pool({ connectionString, options });
    afterTest(() => serializable.end());
    return serializable;
  });
  const { pool, read, warm } = await openFeedApp({ store: "memory", beside });
  const { body } = await warm("/orders");
  const [overtaken, other] = await Promise.all([pool.connect(), pool.connect()]);
  try {
    await overtaken.query("BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT * FROM orders");
    await other.query("BEGIN ISOLATION LEVEL SERIALIZABLE; UPDATE orders SET total = 7 WHERE id = 1; COMMIT");
    await until("the drain has seen the other one", async () => (await read("/orders")).body !== body);
    await overtaken.query("UPDATE accounts SET name = 'overtaken' WHERE id = 1; COMMIT");
  } finally {
    overtaken.release();
    other.release();
  }
  const { rows } = await pool.query("SELECT name FROM accounts WHERE id = 1");
  assert.equal(rows[0].name, "overtaken");
});
