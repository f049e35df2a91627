// docs/examples/feed.js and auto.js run, are what docs/use/feed.md and auto.md show, and do what those say.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { test } from "@jest/globals";
import type { Express } from "express";
import type pg from "pg";
import { projectFile } from "../../../project-root.js";
import { afterTest } from "../../../servers/in-test.js";
import { createTestDatabase } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { Feed } from "../../src/feed/index.js";
import type { TenantCache } from "../../src/index.js";
import { serve } from "../support/http-app.js";

interface Example {
  readonly app: Express;
  readonly cache: TenantCache;
  readonly pool: pg.Pool;
  readonly feed: Feed;
}

test.each([
  ["feed", "/accounts"],
  ["auto", "/names"],
])("%s.js: psql changes a row, and the next list shows it", async (name, path) => {
  const file = projectFile("docs", "examples", `${name}.js`);
  const code = readFileSync(file, "utf8").replace(/^\/\/.*\n/, "");
  assert.ok(readFileSync(projectFile("docs", "use", `${name}.md`), "utf8").includes(code));
  const database = await createTestDatabase();
  process.env.DATABASE_URL = database.url;
  const { app, cache, pool, feed } = (await import(pathToFileURL(file).href)) as Example;
  const served = await serve((express) => express.use(app));
  afterTest(async () => {
    await served.close();
    await cache.close();
    await pool.end();
    await database.drop();
    delete process.env.DATABASE_URL;
  });
  await pool.query("CREATE TABLE accounts (id int PRIMARY KEY, tenant_id text, name text)");
  await pool.query("INSERT INTO accounts VALUES (1, 'tenant-1', 'Example Ltd')");
  await feed.install();
  const read = () => served.request(path);
  await until("the list is a hit", async () => (await read()).cache === "hit");
  await pool.query("UPDATE accounts SET name = 'Renamed Ltd'");
  await delay(270);
  assert.equal((await read()).body, '[{"id":1,"name":"Renamed Ltd"}]');
});
