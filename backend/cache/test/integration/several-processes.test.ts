// The in-process store in one of several processes: whoever runs it so is told.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, test } from "@jest/globals";
import { createTenantCache } from "../../src/index.js";
import { quiet } from "../support/caches.js";

describe("several processes on the in-process store", () => {
  const INDEX = new URL("../../src/index.js", import.meta.url).href;
  const SCRIPT = `const { createTenantCache } = await import(${JSON.stringify(INDEX)});
    const tell = (line) => console.log(line);
    await createTenantCache({ tenant: () => "a", logger: { info: tell, warn: tell, error: tell } }).close();`;

  /** What a process prints. */
  async function linesOf(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string[]> {
    const child = spawn(process.execPath, args, { env });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk) => chunks.push(chunk));
    await once(child, "close");
    return Buffer.concat(chunks).toString().split("\n").filter(Boolean);
  }

  /** The lines of a process that makes a cache in this environment. */
  const linesIn = (env: NodeJS.ProcessEnv) =>
    linesOf(["--input-type=module", "--eval", SCRIPT], { PATH: process.env.PATH, ...env });

  for (const [name, env] of Object.entries({
    "PM2, by its instance": { NODE_APP_INSTANCE: "1" },
    "PM2, by its id": { pm_id: "0" },
    "PM2, the first of two": { NODE_APP_INSTANCE: "0", pm_id: "0", exec_mode: "fork_mode", instances: "2" },
    "a cluster's worker": { NODE_UNIQUE_ID: "1" },
  }))
    test(`${name}: told when the cache is made`, async () => {
      const lines = await linesIn(env);
      assert.equal(lines.length, 1, lines.join("\n"));
      assert.match(
        lines[0] ?? "",
        /this process is (instance \d of several \(PM2\)|one of a cluster's workers), .*give the cache a redis/,
      );
    });

  for (const [name, env] of Object.entries({
    "a process of its own": {},
    "the only one that PM2 runs": {
      NODE_APP_INSTANCE: "0",
      pm_id: "0",
      exec_mode: "fork_mode",
      instances: "1",
    },
  }))
    test(`${name} is not told`, async () => assert.deepEqual(await linesIn(env), []));

  test("a real cluster: each worker tells it once", async () => {
    const folder = await mkdtemp(path.join(tmpdir(), "cluster-"));
    const file = path.join(folder, "app.mjs");
    await writeFile(
      file,
      `import cluster from "node:cluster";
      if (cluster.isPrimary) for (let count = 0; count < 2; count++) cluster.fork();
      else {
        ${SCRIPT}
        cluster.worker.disconnect();
      }`,
    );
    const lines = await linesOf([file], process.env);
    await rm(folder, { recursive: true });
    assert.equal(lines.length, 2, lines.join("\n"));
    for (const line of lines) assert.match(line, /one of a cluster's workers/);
  });

  test("on Redis nobody need be told", () => {
    const lines: string[] = [];
    const before = process.env.NODE_APP_INSTANCE;
    process.env.NODE_APP_INSTANCE = "1";
    try {
      const logger = { ...quiet, warn: (line: string) => void lines.push(line) };
      const cache = createTenantCache({
        tenant: () => "a",
        logger,
        redis: { port: 6379, lazyConnect: true },
      });
      assert.deepEqual(lines, []);
      void cache.close();
    } finally {
      if (before === undefined) delete process.env.NODE_APP_INSTANCE;
      else process.env.NODE_APP_INSTANCE = before;
    }
  });
});
