// The PostgreSQL that npm brings: kept data, what killed supervisors leave behind, and folders it must not touch.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import pg from "pg";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "../../db/embedded-postgres.js";
import { guardChild } from "../../servers/guard.js";

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}

/** A process that starts the server and waits to be killed, as `npm start` may be. */
async function startInChild(folder: string): Promise<{ supervisor: ChildProcess; postgresPid: number }> {
  const module = new URL("../../db/embedded-postgres.js", import.meta.url).href;
  const script = `import { startEmbeddedPostgres } from ${JSON.stringify(module)};
    const server = await startEmbeddedPostgres({ folder: process.argv[1], durable: false, log: () => {} });
    console.log(server.pid); setInterval(() => {}, 60_000);`;
  const supervisor = spawn(process.execPath, ["--input-type=module", "--eval", script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = (await once(createInterface({ input: supervisor.stdout }), "line")) as [string];
  return { supervisor, postgresPid: Number(line) };
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("embedded PostgreSQL", () => {
  let folder: string;
  let server: EmbeddedPostgres | undefined;
  const log: string[] = [];
  const start = async () => {
    server = await startEmbeddedPostgres({ folder, durable: false, log: (line) => log.push(line) });
    void server.ended.then(guardChild(server.pid, "SIGQUIT", [folder, server.folder]));
    return server;
  };

  beforeAll(() => {
    folder = mkdtempSync("/var/tmp/test-postgres-");
  });

  afterAll(async () => {
    await server?.stop();
    for (const each of [folder, server?.folder ?? folder]) rmSync(each, { recursive: true, force: true });
  });

  test("a half-made cluster of an interrupted start is made anew", async () => {
    mkdirSync(path.join(folder, "postgres.unfinished"));
    writeFileSync(path.join(folder, "postgres.unfinished", "PG_VERSION"), "18\n");
    const { url } = await start();
    const [row] = await query(
      url,
      "SELECT current_database() AS database, current_setting('fsync') AS fsync",
    );
    assert.deepEqual(row, { database: "crm", fsync: "off" });
  });

  test("the database's user is no superuser, and may make roles", async () => {
    const { url } = server ?? (await start());
    const [row] = await query(
      url,
      "SELECT rolsuper, rolcreaterole, rolbypassrls FROM pg_roles WHERE rolname = current_user",
    );
    assert.deepEqual(row, { rolsuper: false, rolcreaterole: true, rolbypassrls: false });
  });

  test("the password is for its owner's eyes only, and without it nobody gets in", async () => {
    const { url, folder: used } = server ?? (await start());
    assert.equal(statSync(path.join(used, "postgres.password")).mode & 0o777, 0o600);
    const stranger = new URL(url);
    stranger.password = "guess";
    await assert.rejects(query(stranger.href, "SELECT 1"), /password authentication failed/);
  });

  test("data is kept from one start to the next", async () => {
    const first = server ?? (await start());
    await query(first.url, "CREATE TABLE kept (value text)");
    await query(first.url, "INSERT INTO kept VALUES ('still here')");
    await first.stop();
    assert.equal(exists(first.pid), false);
    const second = await start();
    assert.deepEqual(await query(second.url, "SELECT value FROM kept"), [{ value: "still here" }]);
    await second.stop();
  });

  test("a server whose supervisor was killed is ended by the next start", async () => {
    const { supervisor, postgresPid } = await startInChild(folder);
    const release = guardChild(postgresPid, "SIGQUIT", []);
    const ended = once(supervisor, "exit");
    supervisor.kill("SIGKILL");
    await ended;
    assert.equal(exists(postgresPid), true, "PostgreSQL outlives a supervisor that could not say goodbye");
    const next = await start();
    assert.equal(exists(postgresPid), false);
    release();
    assert.ok(log.some((line) => line.includes(String(postgresPid))));
    assert.deepEqual(await query(next.url, "SELECT value FROM kept"), [{ value: "still here" }]);
    await next.stop();
  });

  test("a pid file that names somebody else's process ends nobody", async () => {
    const bystander = spawn(process.execPath, ["--eval", "setInterval(() => {}, 60_000)"], {
      stdio: "ignore",
    });
    await once(bystander, "spawn");
    try {
      const used = server?.folder ?? folder;
      writeFileSync(path.join(used, "postgres", "postmaster.pid"), `${bystander.pid}\n${used}/postgres\n`);
      const next = await start();
      assert.deepEqual(await query(next.url, "SELECT 1 AS one"), [{ one: 1 }]);
      assert.equal(bystander.exitCode ?? bystander.signalCode, null);
      await next.stop();
    } finally {
      bystander.kill("SIGKILL");
    }
  });

  test("a server that is killed says so", async () => {
    const next = await start();
    process.kill(next.pid, "SIGKILL");
    await next.ended;
    const again = await start();
    assert.deepEqual(await query(again.url, "SELECT value FROM kept"), [{ value: "still here" }]);
    await again.stop();
  });

  test("data of another major version is left as it is, in one clear line", async () => {
    const file = path.join(server?.folder ?? folder, "postgres", "PG_VERSION");
    const version = readFileSync(file, "utf8");
    writeFileSync(file, "12\n");
    await assert.rejects(start(), (error: Error) => {
      assert.match(
        error.message,
        /holds data of PostgreSQL 12, this is PostgreSQL \d+: move that folder away/,
      );
      assert.doesNotMatch(error.message, /\n/);
      return true;
    });
    writeFileSync(file, version);
  });
});
