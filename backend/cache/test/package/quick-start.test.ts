// The first five minutes of the package's README, done as a new user would: an empty folder, its commands, its files as they are.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { messageOf } from "../../src/thrown.js";
import { createNpmProject, install, packLibrary } from "./npm.js";
import { readmeCommands, readmeFile, readmeFiles } from "./readme-blocks.js";
import { INNER_TIMEOUT_MS, linkTools, runIn } from "./tools.js";

const FIRST = [{ tenant: "acme", name: "Example Ltd" }];
const NEW = { tenant: "acme", name: "New Ltd" };

describe("the package's README", () => {
  const project = createNpmProject();
  const tried = new Set<string>();
  let unreachable: string | undefined;
  let redis: RedisServer;

  beforeAll(async () => {
    // What `npm init -y` says.
    project.write("package.json", JSON.stringify({ name: "my-api", type: "commonjs" }));
    const { file } = await packLibrary(project.folder);
    const [first = "", ...others] = readmeCommands("npm install").map((line) => line.split(" ").slice(2));
    assert.ok(first.includes("express-tenant-cache"), String(first));
    // The one difference: it is not taken from the registry.
    const packages = [...first].map((name) => (name === "express-tenant-cache" ? file : name));
    unreachable =
      (await install(project.folder, ...packages)) ?? (await linkTools(project, [...others].flat()));
    for (const name of readmeFiles()) project.write(name, readmeFile(name));
    redis = await startRedisServer();
  });
  afterAll(async () => {
    await redis?.stop();
    project.remove();
  });

  /** Tests that need the files; each is tried by one of them at least. */
  const tries = (files: readonly string[], name: string, run: () => Promise<void>) =>
    test(name, async () => {
      if (unreachable) assert.fail(unreachable);
      for (const file of files) tried.add(file);
      await run();
    });
  const node = (...args: string[]) => runIn(project, process.execPath, args);
  const nodeWithRedis = (...args: string[]) =>
    onRedis(() => runIn(project, process.execPath, args, { REDIS_URL: redis.url }));

  /**
   * The README's files wait for Redis as long as they do by default, 50 ms, which a busy machine may exceed. The answer
   * says so then, and it is tried again; nothing else is.
   */
  async function onRedis<Result>(attempt: () => Promise<Result>): Promise<Result> {
    const giveUpAtMs = performance.now() + INNER_TIMEOUT_MS;
    for (;;) {
      try {
        return await attempt();
      } catch (error) {
        if (performance.now() > giveUpAtMs || !messageOf(error).includes("store-unavailable")) throw error;
        await redis.kill();
        await redis.restart();
      }
    }
  }

  tries(["app.mjs", "server.mjs"], "leads from npm install to a cached route", async () => {
    const server = await serve({});
    assert.deepEqual(await askAll(3000, () => server.url), [
      ["fwd=miss; stored", FIRST],
      ["hit; ttl=…", FIRST],
      ["", { name: NEW.name }],
      ["fwd=miss; stored", [...FIRST, NEW]],
    ]);
    assert.deepEqual(await server.end(), [server.url, "the handler runs", "the handler runs"]);
  });

  tries(["server.mjs"], "and to two processes on Redis", () =>
    onRedis(async () => {
      const servers = {
        3001: await serve({ REDIS_URL: redis.url }),
        3002: await serve({ REDIS_URL: redis.url }),
      };
      const urlOf = (port: number) => servers[port as keyof typeof servers].url;
      const client = new Redis(redis.url);
      // Whoever types the commands is slower than what is stored behind an answer; until then another process waits for it.
      const isStored = () =>
        until("the fill has ended", async () => (await client.keys("*lease:*")).length === 0);
      const seen = await askAll(3001, urlOf, isStored).finally(() => client.disconnect());
      for (const server of Object.values(servers)) await server.end();
      assert.deepEqual(seen, [
        ["fwd=miss; stored", FIRST],
        ["hit; ttl=…", FIRST],
        ["", { name: NEW.name }],
        // Accounts are in the memory of the process that has changed them.
        ["fwd=miss; stored", FIRST],
      ]);
    }),
  );

  tries(["node-redis.mjs"], "and to a client of node-redis", async () => {
    const script = `import("./node-redis.mjs").then(async ({ cache }) => {
      console.log(await cache.ready(), cache.health().kind);
      process.exit();
    })`;
    assert.match(await nodeWithRedis("--eval", script), /^true redis$/m);
  });

  tries(["accounts.test.mjs"], "and to tests on Node's runner, in process and on Redis", async () => {
    for (const run of [node, nodeWithRedis])
      assert.match(await run("--test", "accounts.test.mjs"), /pass 1$/m);
  });

  tries(["app.cjs", "accounts.test.cjs"], "and to tests on Jest, in process and on Redis", async () => {
    // Jest's five seconds for the hook are as long as ready() itself may wait.
    const args = ["node_modules/jest/bin/jest.js", "accounts.test.cjs", `--testTimeout=${INNER_TIMEOUT_MS}`];
    for (const run of [node, nodeWithRedis]) await run(...args);
  });

  tries(
    ["tsconfig.json", "accounts.ts", "routes.test.ts"],
    "and to TypeScript whose routes are proven",
    async () => {
      await node("node_modules/typescript/bin/tsc");
      assert.match(await node("--test", "dist/routes.test.js"), /pass 1$/m);
    },
  );

  test("shows no file that is not tried here", () => {
    assert.deepEqual([...tried].sort(), [...readmeFiles()].sort());
  });

  /** `node server.mjs`, on a port that is free. */
  async function serve(env: NodeJS.ProcessEnv) {
    const child = spawn(process.execPath, ["server.mjs"], {
      cwd: project.folder,
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "inherit"],
    });
    afterTest(() => child.kill("SIGKILL"));
    const lines: string[] = [];
    const output = createInterface({ input: child.stdout });
    output.on("line", (line) => lines.push(line));
    const ended = once(child, "exit").then(([code]) => assert.fail(`server.mjs ended with ${code}`));
    const [url] = (await Promise.race([once(output, "line"), ended])) as [string];
    return { url, end: () => endOf(child, lines, ended) };
  }

  /** The README's curl commands of one server, or of one and the next. */
  async function askAll(port: number, urlOf: (port: number) => string, behindEach = async () => {}) {
    const seen: (readonly [cacheStatus: string, body: unknown])[] = [];
    for (const command of readmeCommands("curl")) {
      const { method, headers, body, ...asked } = parseCurl(command);
      if (asked.port !== port && (port === 3000 || asked.port !== port + 1)) continue;
      const response = await fetch(urlOf(asked.port), { method, headers, body });
      const status = response.headers.get("cache-status") ?? "";
      const told = status.replace("express-tenant-cache; ", "").replace(/ttl=\d+/, "ttl=…");
      seen.push([told, JSON.parse(await response.text())]);
      await behindEach();
    }
    return seen;
  }
});

/** SIGTERM lets it end by itself. @returns what it has written */
async function endOf(
  child: ChildProcess,
  lines: readonly string[],
  ended: Promise<unknown>,
): Promise<string[]> {
  ended.catch(() => undefined);
  const hasClosed = once(child, "close");
  child.kill("SIGTERM");
  assert.deepEqual([...(await hasClosed)], [0, null]);
  return [...lines];
}

/** The port, the headers (`-H`) and the body (`-d`, which makes it a POST) of a curl command. */
function parseCurl(command: string) {
  const headers = [...command.matchAll(/-H "([\w-]+): ([^"]*)"/g)].map(
    ([, name = "", value = ""]): [string, string] => [name, value],
  );
  const body = /-d '([^']*)'/.exec(command)?.[1] ?? null;
  const port = Number(/:(\d+)\/accounts/.exec(command)?.[1]);
  return { port, method: body === null ? "GET" : "POST", headers, body };
}
