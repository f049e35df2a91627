// Statements whose asynchronous context is easily another one, and what is left behind on a connection.
import assert from "node:assert/strict";
import { beforeEach, describe, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../../servers/in-test.js";
import { type AutoApp, type Handler, openAutoApp } from "../support/auto-app.js";

const OWN = "SELECT id, name FROM accounts WHERE tenant_id = $1 ORDER BY id";
const ORDERS = "SELECT sum(total)::int AS total FROM orders WHERE tenant_id = $1";
const STORED = "fwd=miss; stored";
const not = (detail: string) => `fwd=miss; detail=${detail}`;
let app: AutoApp;

/** All handlers share one connection, which another one has opened. */
beforeEach(async () => {
  app = await openAutoApp({
    more: "CREATE TABLE staff (role text, temp int)",
    pool: (url) => {
      const pool = new pg.Pool({ connectionString: url, max: 1 });
      afterTest(() => pool.end());
      return pool;
    },
  });
  await app.awake();
});

async function said(handler: Handler, name = "page"): Promise<string> {
  app.handle(name, handler);
  return (await app.read(name)).status;
}

type Answered = (error: Error | undefined, rows?: unknown) => void;
const answered = (work: (done: Answered) => void): Promise<unknown> =>
  new Promise((resolve, reject) => work((error, rows) => (error ? reject(error) : resolve(rows))));

describe("a statement that is sent when another one is answered", () => {
  const forms: readonly (readonly [string, Handler])[] = [
    [
      "by a pool's callback",
      ({ pool, tenant }) =>
        answered((done) => {
          pool.query(OWN, [tenant], (error) => {
            if (error) return done(error);
            pool.query(ORDERS, [tenant], (failed, result) => done(failed, result?.rows));
          });
        }),
    ],
    [
      "by a client's callback",
      ({ pool, tenant }) =>
        answered((done) => {
          pool.connect((error, client, release) => {
            if (error || !client) return done(error);
            client.query(OWN, [tenant], () => {
              client.query(ORDERS, [tenant], (failed, result) => {
                release();
                done(failed, result?.rows);
              });
            });
          });
        }),
    ],
    [
      "by the callback of a config",
      ({ pool, tenant }) =>
        answered((done) => {
          pool.connect().then((client) => {
            const callback = () => {
              client.release();
              pool.query(ORDERS, [tenant], (error, result) => done(error, result?.rows));
            };
            client.query({ text: OWN, values: [tenant], callback } as never);
          }, done);
        }),
    ],
    [
      "by an event of a Query",
      ({ pool, tenant }) =>
        answered((done) => {
          pool.connect().then((client) => {
            const query = new pg.Query(OWN, [tenant]);
            query.on("end", () => {
              client.query(ORDERS, [tenant], (error, result) => {
                client.release();
                done(error, result?.rows);
              });
            });
            client.query(query);
          }, done);
        }),
    ],
  ];

  test.each(forms)("%s", async (_form, handler) => {
    const read: unknown[] = [];
    app.cache.events.on("reads", ({ modules }) => read.push(modules));
    assert.equal(await said(handler), STORED);
    assert.deepEqual(read, [["accounts", "orders"]]);
  });
});

describe("a connection on which", () => {
  const SET = "SELECT set_config('app.tenant', $1, false)";
  const ASKED = "SELECT id, current_setting('app.tenant', true) FROM accounts WHERE tenant_id = $1";
  const sending =
    (...texts: readonly string[]): Handler =>
    async ({ pool, tenant }) => {
      let rows: unknown;
      for (const text of texts)
        await pool.query(text, text.includes("$1") ? [tenant] : []).then(
          (result) => {
            rows = result.rows;
          },
          () => undefined,
        );
      return rows;
    };

  test("a setting was undone, with its transaction or by what has failed", async () => {
    assert.equal(await said(sending(SET, ASKED), "set"), STORED);
    assert.equal(await said(sending("BEGIN", SET, "ROLLBACK", ASKED), "back"), not("changing-value"));
    assert.equal(
      await said(sending("SET app.tenant = 't1'; SELECT 1 / 0", ASKED), "error"),
      not("changing-value"),
    );
    const failed = sending("BEGIN", SET, "SELECT 1 / 0", "COMMIT", ASKED);
    assert.equal(await said(failed, "failed"), not("changing-value"));
  });

  test("somebody else has set something between", async () => {
    let isSet = () => {};
    let goOn = () => {};
    const set = new Promise<void>((resolve) => {
      isSet = resolve;
    });
    const going = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    let pool: pg.Pool | undefined;
    const reading = said(async ({ pool: its, tenant }) => {
      pool = its;
      await its.query(SET, [tenant]);
      isSet();
      await going;
      return (await its.query(ASKED, [tenant])).rows;
    });
    await set;
    await pool?.query(SET, ["t2"]);
    goOn();
    assert.equal(await reading, not("changing-value"));
  });

  const harmless = [
    "UPDATE staff SET role = 'x', temp = 1",
    'UPDATE "staff" SET "role" = \'x\'',
    "SELECT temp FROM staff",
    "INSERT INTO staff (temp) VALUES (1)",
    "BEGIN; SET LOCAL ROLE pg_read_all_data; COMMIT",
    "SELECT set_config('search_path', 'public', false)",
    "CREATE TEMP TABLE t (id int)|DISCARD TEMP",
    "SET ROLE pg_read_all_data|RESET ROLE",
  ];
  const lasting: readonly (readonly [string, readonly string[], string])[] = [
    ["SELECT set_config($1, $2, false)", ["role", "pg_read_all_data"], "unknown-statement"],
    ["SELECT set_config('ro' || 'le', 'pg_read_all_data', false)", [], "unknown-statement"],
    ["RESET ROLE; SET ROLE pg_read_all_data", [], "unknown-statement"],
    ["DO $$ BEGIN SET ROLE pg_read_all_data; END $$", [], "unknown-statement"],
    ["DO $$ BEGIN EXECUTE 'SET ROLE pg_read_all_data'; END $$", [], "unknown-statement"],
    ["/* one */ SET/**/SESSION ROLE pg_read_all_data", [], "unknown-statement"],
    ["CREATE /* x */ TEMP TABLE t (id int)", [], "unknown-table"],
    ["SELECT 1 INTO /* x */ TEMPORARY t", [], "unknown-table"],
  ];

  test.each(harmless)("somebody has sent: %s", async (text) => {
    let pool: pg.Pool | undefined;
    app.handle("page", async ({ pool: its, tenant }) => {
      pool = its;
      return (await its.query(OWN, [tenant])).rows;
    });
    await app.read("page");
    for (const each of text.split("|")) await pool?.query(each);
    app.select("other", ORDERS);
    await app.warm("other");
  });

  test.each(lasting)("somebody has sent: %s", async (text, values, detail) => {
    let pool: pg.Pool | undefined;
    app.handle("page", async ({ pool: its, tenant }) => {
      pool = its;
      return (await its.query(OWN, [tenant])).rows;
    });
    await app.read("page");
    await pool?.query(text, [...values]);
    app.select("other", ORDERS);
    assert.equal((await app.read("other")).status, not(detail));
  });
});
