// A tracked pool that has been ended, and whose cache is closed, is kept by nothing of the library's.
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "@jest/globals";
import pg from "pg";
import { until } from "../../../servers/until.js";
import { createFeed } from "../../src/feed/index.js";
import { createTenantCache } from "../../src/index.js";
import { quiet } from "../support/caches.js";

const POOLS = 5;

/** Nobody is at this address: what is asked of it fails, and is not asked again once the cache is closed. */
async function trackedAndEnded(): Promise<WeakRef<pg.Pool>> {
  const pool = new pg.Pool({ connectionString: "postgres://127.0.0.1:1/none" });
  pool.on("error", () => undefined);
  const feed = createFeed({ database: pool, tables: { accounts: { module: "accounts", tenant: "t" } } });
  const cache = createTenantCache({ tenant: () => "t1", feed, logger: quiet });
  cache.track(pool);
  await cache.close();
  await pool.end();
  return new WeakRef(pool);
}

test("pools that are done with are collected", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const pools: WeakRef<pg.Pool>[] = [];
  for (let n = 0; n < POOLS; n++) pools.push(await trackedAndEnded());
  // The last one may still stand in a frame of the loop.
  await until("they are collected", () => {
    collect();
    return pools.filter((each) => each.deref()).length <= 1;
  });
  assert.equal(pools.length, POOLS);
});
