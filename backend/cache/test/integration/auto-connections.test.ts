// How statements reach the database, and which handler they are noted for.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { type AutoApp, type Handler, openAutoApp } from "../support/auto-app.js";

const OWN = "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id";
let app: AutoApp;

beforeEach(async () => {
  app = await openAutoApp();
  await app.awake();
});

/** What `Cache-Status` says of a first answer. */
async function said(handler: Handler, name = "page"): Promise<string> {
  app.handle(name, handler);
  return (await app.read(name)).status;
}

const STORED = "fwd=miss; stored";
const not = (detail: string) => `fwd=miss; detail=${detail}`;

describe("forms of a query", () => {
  const forms: readonly (readonly [string, Handler])[] = [
    ["a text and values", async ({ pool, tenant }) => (await pool.query(OWN, [tenant])).rows],
    ["a config", async ({ pool, tenant }) => (await pool.query({ text: OWN, values: [tenant] })).rows],
    ["a config and values", async ({ pool, tenant }) => (await pool.query({ text: OWN }, [tenant])).rows],
    [
      "a statement with a name",
      async ({ pool, tenant }) => (await pool.query({ name: "own", text: OWN, values: [tenant] })).rows,
    ],
    [
      "a callback",
      ({ pool, tenant }) =>
        new Promise((resolve, reject) => {
          pool.query(OWN, [tenant], (error, result) => (error ? reject(error) : resolve(result.rows)));
        }),
    ],
    [
      "a client with callbacks",
      ({ pool, tenant }) =>
        new Promise((resolve, reject) => {
          pool.connect((error, client, release) => {
            if (error || !client) return reject(error);
            client.query(OWN, [tenant], (failed, result) => {
              release();
              if (failed) reject(failed);
              else resolve(result.rows);
            });
          });
        }),
    ],
    [
      "a client, and statements that are not awaited one by one",
      async ({ pool, tenant }) => {
        const client = await pool.connect();
        const results = await Promise.all([
          client.query("BEGIN"),
          client.query(OWN, [tenant]),
          client.query("COMMIT"),
        ]);
        client.release();
        return results[1]?.rows;
      },
    ],
    [
      "a Query object",
      async ({ pool, tenant }) => {
        const client = await pool.connect();
        const query = new pg.Query(OWN, [tenant]);
        const ended = new Promise((resolve) => query.once("end", resolve));
        client.query(query);
        await ended;
        client.release();
        return {};
      },
    ],
  ];

  test.each(forms)("%s", async (_form, handler) => {
    assert.equal(await said(handler), STORED);
    await app.pool.query("UPDATE accounts SET name = 'new' WHERE id = 1");
    await delay(270);
    assert.match((await app.read("page")).status, /^fwd=miss/);
  });

  test("prepared by name alone, on the connection that has parsed it", async () => {
    const status = await said(async ({ pool, tenant }) => {
      const client = await pool.connect();
      await client.query({ name: "own", text: OWN, values: [tenant] });
      const { rows } = await client.query({ name: "own", values: [tenant] } as unknown as pg.QueryConfig);
      client.release();
      return rows;
    });
    assert.equal(status, STORED);
  });

  test("without a text that is known", async () => {
    const status = await said(async ({ pool }) => {
      const client = await pool.connect();
      const query = new pg.Query("SELECT 1");
      const ended = new Promise((resolve) => query.once("end", resolve));
      const submit = (connection: pg.Connection) => query.submit(connection);
      client.query(
        Object.create(query, { text: { value: undefined }, submit: { value: submit } }) as pg.Query,
      );
      await ended;
      client.release();
      return {};
    });
    assert.equal(status, not("unknown-statement"));
  });
});

describe("whose statements they are", () => {
  test("those of a handler that waits for a connection, not of the one that releases it", async () => {
    const narrow = await openAutoApp({
      pool: (url) => {
        const pool = new pg.Pool({ connectionString: url, max: 1 });
        afterTest(() => pool.end());
        return pool;
      },
    });
    await narrow.awake();
    narrow.handle("reader", async ({ pool, tenant }) => {
      const client = await pool.connect();
      await delay(100);
      const { rows } = await client.query(OWN, [tenant]);
      client.release();
      return rows;
    });
    narrow.handle("writer", async ({ pool }) => (await pool.query("DELETE FROM orders WHERE id = 0")).rows);
    const reading = narrow.read("reader");
    await delay(50);
    const [read, written] = await Promise.all([reading, narrow.read("writer")]);
    assert.equal(read.status, STORED);
    assert.equal(written.status, not("writing"));
  });

  test("what a handler has begun and does not await counts until its answer ends", async () => {
    const status = await said(async ({ pool, tenant }) => {
      pool.query("SELECT now()").catch(() => undefined);
      return (await pool.query(OWN, [tenant])).rows;
    });
    assert.equal(status, not("changing-value"));
  });

  test("of an answer in parts the statements behind the first part count as well", async () => {
    app.handle("parts", async ({ pool, tenant, write }) => {
      const { rows } = await pool.query(OWN, [tenant]);
      write(JSON.stringify(rows));
      return (await pool.query("SELECT count(*) FROM orders WHERE tenant_id = $1", [tenant])).rows;
    });
    assert.equal((await app.read("parts")).status, not("streamed"));
    await app.warm("parts");
    await app.pool.query("UPDATE orders SET total = total + 1 WHERE id = 1");
    await delay(270);
    assert.match((await app.read("parts")).status, /^fwd=miss/);
    app.handle("late", async ({ pool, tenant, write }) => {
      write(JSON.stringify((await pool.query(OWN, [tenant])).rows));
      return (await pool.query("SELECT random()")).rows;
    });
    assert.equal((await app.read("late")).status, not("streamed"));
    assert.equal((await app.read("late")).status, not("streamed"));
  });

  test("a handler that makes none reads something else", async () => {
    assert.equal(await said(async () => ({ from: "memory" })), not("no-reads"));
  });

  test("a pool that is not tracked is not seen", async () => {
    const other = new pg.Pool({ connectionString: app.url });
    afterTest(() => other.end());
    assert.equal(await said(async ({ tenant }) => (await other.query(OWN, [tenant])).rows), not("no-reads"));
  });

  test("a pool that is not tracked, beside one that is, is noticed", async () => {
    const other = new pg.Pool({ connectionString: app.url });
    afterTest(() => other.end());
    const both: Handler = async ({ pool, tenant }) => {
      await pool.query(OWN, [tenant]);
      return (await other.query("SELECT count(*) FROM orders")).rows;
    };
    assert.equal(await said(both), not("unknown-statement"));
    assert.equal(await said(async ({ pool, tenant }) => (await pool.query(OWN, [tenant])).rows), STORED);
  });

  test("what a pool says to each new connection is not another pool's", async () => {
    const greeting = await openAutoApp({
      pool: (url) => {
        const pool = new pg.Pool({ connectionString: url, max: 1 });
        pool.on("connect", (client) => void client.query("SET statement_timeout = 0"));
        pool.on("error", () => undefined);
        afterTest(() => pool.end());
        return pool;
      },
    });
    await greeting.awake();
    greeting.handle("page", async ({ pool, tenant }) => {
      const client = await pool.connect();
      client.release(true);
      return (await pool.query(OWN, [tenant])).rows;
    });
    assert.equal((await greeting.read("page")).status, STORED);
  });

  test("a pool of another database says nothing of this one", async () => {
    const strange = await openAutoApp({
      pool: (url) => {
        const elsewhere = new URL(url);
        elsewhere.pathname = "/postgres";
        const pool = new pg.Pool({ connectionString: elsewhere.href });
        afterTest(() => pool.end());
        return pool;
      },
    });
    strange.handle("page", async ({ pool }) => (await pool.query("SELECT 1 AS one")).rows);
    await delay(300);
    for (let n = 0; n < 3; n++) assert.equal((await strange.read("page")).status, not("catalogue"));
  });
});

describe("transactions and settings", () => {
  const inTransaction =
    (...statements: readonly (string | readonly [string, readonly unknown[]])[]): Handler =>
    async ({ pool, tenant }) => {
      const client = await pool.connect();
      let rows: unknown;
      try {
        for (const each of statements) {
          const [text, values] =
            typeof each === "string" ? [each, each.includes("$1") ? [tenant] : []] : each;
          rows = (await client.query(text, [...values])).rows ?? rows;
        }
      } finally {
        client.release();
      }
      return rows;
    };

  test("one that the handler begins, also with a snapshot of its own", async () => {
    assert.equal(await said(inTransaction("BEGIN", OWN, "COMMIT")), STORED);
    assert.equal(
      await said(inTransaction("BEGIN ISOLATION LEVEL REPEATABLE READ", OWN, "ROLLBACK"), "two"),
      STORED,
    );
  });

  test("one that also writes", async () => {
    const writes = inTransaction("BEGIN", "UPDATE rates SET value = 1", OWN, "COMMIT");
    assert.equal(await said(writes), not("writing"));
  });

  test("one that was begun before the handler", async () => {
    const client = await app.pool.connect();
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
    await client.query("SELECT 1");
    const early = await said(async ({ tenant }) => (await client.query(OWN, [tenant])).rows);
    await client.query("COMMIT");
    assert.equal(early, not("early-transaction"));
    const later = await said(async ({ tenant }) => (await client.query(OWN, [tenant])).rows, "later");
    client.release();
    assert.equal(later, STORED);
  });

  test("a word that only looks like the beginning of one", async () => {
    const named = inTransaction('SELECT id AS "begin" FROM accounts WHERE tenant_id = $1');
    assert.equal(await said(named), STORED);
    assert.equal(await said(inTransaction(OWN), "behind it"), STORED);
  });

  test("a connection that has temporary tables, or another role", async () => {
    const client = await app.pool.connect();
    afterTest(() => client.release(true));
    await client.query(
      "CREATE TEMP TABLE accounts AS SELECT 1 AS id, 't1' AS tenant_id, 'temporary' AS name",
    );
    const hidden = await said(async ({ tenant }) => (await client.query(OWN, [tenant])).rows);
    assert.equal(hidden, not("unknown-table"));
    const role = inTransaction("SET ROLE pg_read_all_data", OWN, "RESET ROLE");
    assert.equal(await said(role, "role"), not("unknown-statement"));
  });

  test("a setting counts where the same handler has set it, in the transaction that it is for", async () => {
    const set = "SELECT set_config('app.tenant', $1, true)";
    const asked = "SELECT id, current_setting('app.tenant', true) FROM accounts WHERE tenant_id = $1";
    assert.equal(await said(inTransaction("BEGIN", set, asked, "COMMIT")), STORED);
    assert.equal(await said(inTransaction(set, asked), "without"), not("changing-value"));
    assert.equal(await said(inTransaction("BEGIN", set, "COMMIT", asked), "behind"), not("changing-value"));
    assert.equal(await said(inTransaction(asked), "never"), not("changing-value"));
    const undone = inTransaction("BEGIN", "SAVEPOINT s", set, "ROLLBACK TO s", asked, "COMMIT");
    assert.equal(await said(undone, "undone"), not("changing-value"));
  });
});
