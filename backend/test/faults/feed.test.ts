// The backend with CACHE_FEED: psql changes a record of a module, and the next list shows it.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { test } from "@jest/globals";
import pg from "pg";
import { feedTables } from "../../modules/feed-tables.js";
import { MODULES } from "../../modules/index.js";
import { afterTest } from "../../servers/in-test.js";
import { createTestDatabase } from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { issueToken } from "../../services/tokens.js";
import { SECRET, TENANT_A } from "../support/crm.js";
import { forkBackend } from "../support/forked-backend.js";

test("each module's table is declared as the module is defined", () => {
  const tables = feedTables();
  assert.deepEqual(
    Object.keys(tables),
    MODULES.map(({ name }) => name),
  );
  assert.deepEqual(tables.accounts, { module: "accounts", tenant: "tenant_id" });
});

test("psql changes an account, and the next list shows it", async () => {
  const database = await createTestDatabase();
  const backend = forkBackend({
    PATH: process.env.PATH,
    NODE_ENV: "test",
    PORT: "0",
    DATABASE_URL: database.url,
    JWT_SECRET: SECRET,
    CACHE_WARM_ON_START: "false",
    CACHE_FEED: "true",
    RATE_LIMIT_MAX: "0",
    SHUTDOWN_DELAY_MS: "0",
  });
  const client = new pg.Client({ connectionString: database.url });
  afterTest(async () => {
    await backend.kill();
    await client.end();
    await database.drop();
  });
  const url = await backend.listening();
  await client.connect();
  await client.query("INSERT INTO tenants (id, name) VALUES ($1, 'A')", [TENANT_A]);
  await client.query("INSERT INTO accounts (tenant_id, name, type) VALUES ($1, 'Before Ltd', 'Customer')", [
    TENANT_A,
  ]);
  const token = await issueToken({ secret: SECRET, subject: "s", role: "viewer", tenantId: TENANT_A });
  const read = async () => {
    const response = await fetch(`${url}/api/accounts`, { headers: { authorization: `Bearer ${token}` } });
    return { status: response.headers.get("cache-status") ?? "", body: await response.text() };
  };
  let last = await read();
  await until("the list is a hit", async () => {
    last = await read();
    return last.status.includes("; hit");
  });
  assert.match(last.body, /Before Ltd/);
  await client.query("UPDATE accounts SET name = 'After Ltd'");
  await delay(280);
  assert.match((await read()).body, /After Ltd/);
});
