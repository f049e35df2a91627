// Handlers that read a replica: what they have read is stored only where the replica had all that was invalidated.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { type PostgresWithReplica, startPostgresWithReplica } from "../../../servers/postgres-replica.js";
import { until } from "../../../servers/until.js";
import { createFeed } from "../../src/feed/index.js";
import type { CacheListOptions } from "../../src/index.js";
import { openCache, STORES, type StoreName } from "../support/caches.js";
import { TABLES } from "../support/feed-tables.js";
import { serve } from "../support/http-app.js";

const LATER_MS = 280;
let servers: PostgresWithReplica;
let names = 0;

beforeAll(async () => {
  servers = await startPostgresWithReplica();
});
afterAll(() => servers.stop());

/** Orders of a tenant, read from the replica; in a database of the test's own. */
async function openReplicaApp(
  store: StoreName,
  optionsOf = (replica: pg.Pool): CacheListOptions => ({ replica }),
) {
  const name = `orders_${++names}`;
  const admin = new pg.Client({ connectionString: servers.primaryUrl });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name}`);
  await admin.end();
  const poolOf = (server: string) => {
    const url = new URL(server);
    url.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: url.href, max: 4 });
    pool.on("error", () => undefined);
    afterTest(() => pool.end());
    return pool;
  };
  const pool = poolOf(servers.primaryUrl);
  await pool.query(
    "CREATE TABLE orders (id int PRIMARY KEY, tenant_id text, total int); INSERT INTO orders VALUES (1, 't1', 1), (2, 't2', 1)",
  );
  const feed = createFeed({ database: pool, tables: { orders: TABLES.orders }, probeMs: 0 });
  await feed.install();
  await servers.untilCaughtUp();
  const replica = poolOf(servers.replicaUrl);
  const cache = await openCache(store, { feed });
  const app = await serve((express) => {
    const options = { ttlSeconds: 600, ...optionsOf(replica) };
    express.get("/orders", cache.cacheList("orders", options), async (req, res) => {
      const sql = "SELECT id, total FROM orders WHERE tenant_id = $1 ORDER BY id";
      res.json((await replica.query(sql, [req.get("x-tenant")])).rows);
    });
    express.put("/orders/:total", cache.invalidateCache("orders"), async (req, res) => {
      await pool.query("UPDATE orders SET total = $1 WHERE tenant_id = 't1'", [req.params.total]);
      res.sendStatus(204);
    });
  });
  afterTest(async () => {
    await servers.resume();
    await app.close();
    await cache.close();
  });
  const read = async (tenant = "t1") => {
    const answer = await app.request("/orders", { tenant });
    await cache.idle();
    return { status: answer.cache, body: answer.body };
  };
  const warm = async (tenant?: string) => {
    let last = await read(tenant);
    await until("a hit", async () => {
      last = await read(tenant);
      return last.status === "hit";
    }).catch(async (cause) => {
      const { feed } = await cache.stats();
      throw new Error(`${JSON.stringify(last)} ${JSON.stringify(feed)}`, { cause });
    });
    return last;
  };
  /** Until what was written past the API is fenced; nobody is shown the state before it from then on. */
  const untilFenced = async () => {
    await delay(LATER_MS);
    await until("it is fenced", async () => {
      const { status } = await read();
      assert.doesNotMatch(status, /^hit/);
      // It is also said where the answer was late.
      const { feed } = await cache.stats({ sizes: false });
      return (feed?.fenced ?? 0) > 0 && status.includes("detail=replica-lag");
    });
  };
  const put = (total: number) => app.request(`/orders/${total}`, { method: "PUT", tenant: "t1" });
  return { pool, replica, cache, read, warm, untilFenced, put };
}

describe.each(STORES)("a replica that lags, %s", (store) => {
  test("how far it is can be asked while requests hold all connections of its pool", async () => {
    const { replica, read, warm } = await openReplicaApp(store);
    await warm("t2");
    // A busy machine may take longer for the answer than a request waits: then it is asked anew.
    await until("it is stored", async () => {
      const held = await Promise.all(Array.from({ length: replica.options.max }, () => replica.connect()));
      const first = read();
      // Longer than a request waits for the answer.
      await delay(LATER_MS);
      for (const client of held) client.release();
      const { status } = await first;
      assert.match(status, /; stored$|detail=replica-lag/);
      return status.endsWith("; stored");
    });
    await warm();
  });

  test("is behind a write past the API: its answer is not stored, and is once it has caught up", async () => {
    const { pool, read, warm, untilFenced } = await openReplicaApp(store);
    for (const tenant of ["t1", "t2"]) await warm(tenant);
    await servers.pause();
    await pool.query("UPDATE orders SET total = 2 WHERE tenant_id = 't1'");
    await untilFenced();
    for (let n = 0; n < 3; n++) {
      const { status, body } = await read();
      assert.match(status, /^fwd=miss; detail=replica-lag/);
      assert.match(body, /"total":1\b/, "what the replica has");
    }
    await warm("t2");
    await servers.resume();
    await servers.untilCaughtUp();
    assert.match((await read()).body, /"total":2\b/);
    assert.match((await warm()).body, /"total":2\b/);
  });

  test("is behind a mutation of the API", async () => {
    const { read, warm, put } = await openReplicaApp(store);
    await warm();
    await servers.pause();
    await put(3);
    assert.match((await read()).status, /^fwd=miss; detail=replica-lag/);
    await servers.resume();
    await servers.untilCaughtUp();
    await read();
    assert.match((await warm()).body, /"total":3\b/);
  });
});

test("what the primary writes later does not matter: the fence says how far the replica must be", async () => {
  const { pool, warm, untilFenced } = await openReplicaApp("redis");
  await warm();
  await servers.pause();
  await pool.query("UPDATE orders SET total = 4 WHERE tenant_id = 't1'");
  await untilFenced();
  await servers.resume();
  await servers.untilCaughtUp();
  await servers.pause();
  await pool.query("CREATE TABLE elsewhere (id int); INSERT INTO elsewhere SELECT generate_series(1, 1000)");
  assert.match((await warm()).body, /"total":4\b/);
});

test("fences that nobody has marked: the replica must have all that the primary had when they were seen", async () => {
  const { pool, cache, read, warm, untilFenced } = await openReplicaApp("redis");
  await warm();
  await servers.pause();
  await pool.query("UPDATE orders SET total = 5 WHERE tenant_id = 't1'");
  await untilFenced();
  // The very fence that has carried the position is gone, as an eviction takes it away.
  await cache.clear();
  await read();
  assert.match((await read()).status, /replica-lag/);
  await servers.resume();
  await servers.untilCaughtUp();
  assert.match((await warm()).body, /"total":5\b/);
});

test("a replica that does not answer, or is none of this primary's, keeps answers from being stored", async () => {
  const database = (rows: unknown[]) => ({ query: async () => ({ rows }) });
  const odd: unknown[] = [
    { query: () => Promise.reject(new Error("away")) },
    { query: () => new Promise(() => undefined) },
    database([]),
    database([{ marker: "another-marker-00", lsn: "99999999999999" }]),
    undefined,
    "postgres://x",
  ];
  for (const replica of odd) {
    const { read } = await openReplicaApp("memory", () => ({ replica: () => replica as never }));
    await until("the feed works", async () => (await read()).status.includes("detail=replica-lag"));
    assert.match((await read()).status, /detail=replica-lag/);
  }
});

test("a function says what each request reads: null for the primary, which is a replica of itself", async () => {
  const primary = await openReplicaApp("memory", () => ({ replica: async () => null }));
  // The handler reads it: it must have the table.
  await servers.untilCaughtUp();
  await servers.pause();
  await primary.pool.query("UPDATE orders SET total = 6 WHERE tenant_id = 't1'");
  await primary.warm();
  await servers.resume();
  let pool: pg.Pool | undefined;
  const itself = await openReplicaApp("memory", () => ({ replica: () => pool as pg.Pool }));
  pool = itself.pool;
  await itself.warm();
});

test("requests together: each is told that nothing is stored, and its handler runs", async () => {
  const { pool, read, warm, untilFenced } = await openReplicaApp("redis");
  await warm();
  await servers.pause();
  await pool.query("UPDATE orders SET total = 7 WHERE tenant_id = 't1'");
  await untilFenced();
  const answers = await Promise.all(Array.from({ length: 8 }, () => read()));
  for (const { status } of answers) assert.match(status, /^fwd=miss; detail=replica-lag/);
});

// The last one: there is no replica behind it.
test("a replica that was promoted is a server of its own: what it has is not this primary's", async () => {
  const { replica, read, warm } = await openReplicaApp("redis");
  await warm();
  await servers.promote();
  await until("it takes writes", async () => {
    const { rows } = await replica.query("SELECT pg_is_in_recovery() AS still");
    return rows[0].still === false;
  });
  await replica.query("UPDATE orders SET total = 99 WHERE tenant_id = 't2'");
  for (let n = 0; n < 3; n++) assert.match((await read("t2")).status, /detail=replica-lag/);
});
