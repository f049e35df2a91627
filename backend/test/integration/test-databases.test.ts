// How databases of tests are dropped: beside sessions that are about to end, and such as stay.
import assert from "node:assert/strict";
import { expect, test } from "@jest/globals";
import pg from "pg";
import { afterTest } from "../../servers/in-test.js";
import { createTestDatabase } from "../../servers/index.js";
import { until } from "../../servers/until.js";

async function openDatabase() {
  const { url, drop } = await createTestDatabase();
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  const errors: unknown[] = [];
  session.on("error", (error) => errors.push(error));
  afterTest(() => session.end());
  return { url, drop, session, errors };
}

test("whoever has not ended yet, as after a pool's end(), is waited for and hears nothing", async () => {
  const waiting = "SELECT FROM pg_stat_activity WHERE query LIKE 'DROP DATABASE ' || $1 || '%'";
  // A busy machine may take longer to look than PostgreSQL waits: then with another one.
  await until("one that has heard nothing", async () => {
    const { url, drop, session, errors } = await openDatabase();
    const name = new URL(url).pathname.slice(1);
    const dropped = drop();
    const isSeen = async () => (await session.query(waiting, [name])).rowCount === 1;
    const hasSeen = await until("it is being dropped", isSeen).then(
      () => true,
      () => false,
    );
    await session.end();
    await dropped;
    return hasSeen && errors.length === 0;
  });
});

test("whoever stays is ended", async () => {
  const { url, drop, session, errors } = await openDatabase();
  await drop();
  await until("it is told", () => errors.length > 0);
  expect(errors[0]).toMatchObject({ code: "57P01" });
  await assert.rejects(session.query("SELECT 1"));
  await assert.rejects(new pg.Client({ connectionString: url }).connect(), { code: "3D000" });
});
