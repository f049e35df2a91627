// Routes with `dependsOn: "auto"`: what their handlers read is seen, and a change of it cuts their entries off.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { describe, test } from "@jest/globals";
import { openAutoApp } from "../support/auto-app.js";
import { STORES } from "../support/caches.js";

const PAST_MS = 270;

describe.each(STORES)("with the %s store", (store) => {
  test("a change by psql is seen by whoever reads its table, and by nobody else", async () => {
    const { pool, read, select, awake } = await openAutoApp({ store });
    select("accounts", "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id");
    select("orders", "SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY id");
    await awake();
    for (const name of ["accounts", "orders"]) {
      assert.equal((await read(name)).status, "fwd=miss; stored");
      assert.match((await read(name)).status, /^hit/);
      assert.equal((await read(name, "t0")).status, "fwd=miss; stored");
    }
    await pool.query("UPDATE accounts SET name = 'changed' WHERE id = 1");
    await delay(PAST_MS);
    const changed = await read("accounts");
    assert.equal(changed.status, "fwd=miss; stored");
    assert.match(changed.body, /"changed"/);
    assert.match((await read("orders")).status, /^hit/);
    assert.match((await read("accounts", "t0")).status, /^hit/);
  });
});
