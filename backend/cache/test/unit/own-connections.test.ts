// Which pools the feed opens connections beside, and how these are opened.
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, test } from "@jest/globals";
import pg from "pg";
import { MOST_CONNECTIONS, OwnConnections } from "../../src/feed/own-connections.js";

let connections: OwnConnections;
beforeEach(() => {
  connections = new OwnConnections();
});
afterEach(() => connections.close());

const besides = (pool: pg.Pool) => connections.of(pool) as pg.Pool;

describe("beside a pool", () => {
  test("they lead where its own do, and are few", () => {
    const password = () => "secret";
    const pool = new pg.Pool({ host: "db.example", user: "app", password, max: 50, idleTimeoutMillis: 0 });
    const { options } = besides(pool);
    assert.equal(options.host, "db.example");
    assert.equal(options.password, password);
    assert.equal(Object.keys(options).includes("password"), false);
    assert.equal(options.max, MOST_CONNECTIONS);
    assert.equal(options.idleTimeoutMillis, 10_000);
    assert.equal(options.allowExitOnIdle, true);
    assert.equal(pool.options.max, 50);
  });

  test("they are the same for all who ask", () => {
    const pool = new pg.Pool();
    assert.equal(besides(pool), besides(pool));
    assert.notEqual(besides(pool), besides(new pg.Pool()));
  });

  test("what the app wants of connecting counts", () => {
    assert.equal(besides(new pg.Pool({ connectionTimeoutMillis: 70 })).options.connectionTimeoutMillis, 70);
    assert.equal(besides(new pg.Pool()).options.connectionTimeoutMillis, 10_000);
  });

  test("a class of the app's own need not take the same arguments", () => {
    class AppPool extends pg.Pool {
      constructor(settings: { readonly at: string }) {
        super({ connectionString: settings.at });
      }
    }
    const pool = besides(new AppPool({ at: "postgres://db.example/app" }));
    assert.equal(pool instanceof AppPool, false);
    assert.equal(pool.options.connectionString, "postgres://db.example/app");
  });

  test("its class of clients is theirs", () => {
    class AppClient extends pg.Client {}
    const pool = new pg.Pool({ Client: AppClient } as pg.PoolConfig);
    assert.equal(Reflect.get(besides(pool), "Client"), AppClient);
  });
});

describe("used as it is", () => {
  test("what only has a query", () => {
    const database = { query: async () => ({ rows: [] }) };
    assert.equal(connections.of(database), database);
  });

  test("a client", () => {
    const client = new pg.Client();
    assert.equal(connections.of(client), client);
  });

  test("a pool of one connection", () => {
    const pool = new pg.Pool({ max: 1 });
    assert.equal(besides(pool), pool);
  });

  test("a pool whose query somebody has replaced", () => {
    const pool = new pg.Pool();
    pool.query = (async () => ({ rows: [] })) as unknown as typeof pool.query;
    assert.equal(besides(pool), pool);
  });
});
