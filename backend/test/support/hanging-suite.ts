// A test file that does not end, with servers and processes of its own: `HANG` says how. Tells the ids of all of its processes.
import { spawn } from "node:child_process";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "pg";
import { startPostgresServer, startRedisServer } from "../../servers/index.js";

const redis = await startRedisServer();
const pids = [process.pid, redis.pid];
const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 60_000)"], { stdio: "ignore" });
pids.push(child.pid ?? 0);
if (process.env.WITH_POSTGRES) pids.push(await startPostgres());
const told = `processes ${pids.join(" ")}`;
console.log(told);
// Renamed, so that it is whole when it is there.
if (process.env.PIDS_FILE) {
  writeFileSync(`${process.env.PIDS_FILE}.part`, told);
  renameSync(`${process.env.PIDS_FILE}.part`, process.env.PIDS_FILE);
}

async function startPostgres(): Promise<number> {
  const { url } = await startPostgresServer();
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query("SELECT pg_read_file('postmaster.pid') AS file");
  await client.end();
  return Number.parseInt(rows[0].file, 10);
}

const never = () => new Promise<never>(() => createServer().listen(0, "127.0.0.1"));

const WAYS: Record<string, () => void> = {
  test: () =>
    describe("a suite", () => {
      test("that ends", () => undefined);
      test("that waits for what never comes", never);
    }),
  hook: () =>
    describe("a suite whose hook hangs", () => {
      before(never);
      test("that is never begun", () => undefined);
    }),
  busy: () =>
    test("that does not give the event loop back", async () => {
      // Node's runner tells of a test in a later turn than it begins in.
      await delay(10);
      for (;;);
    }),
  end: () => test("that leaves a server listening", () => void never()),
  killed: () => test("that is killed", () => void process.kill(process.pid, "SIGKILL")),
};
WAYS[process.env.HANG ?? ""]?.();
