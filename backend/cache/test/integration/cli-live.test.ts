// `tail` and `top` as they go on: what comes is shown, a pipe or a key or a signal ends them, and a terminal is left as it was.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import type { RedisServer } from "../../../servers/index.js";
import { startTcpProxy, type TcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import {
  type RunningCommand,
  runCommand,
  runHere,
  startCommand,
  startOnTerminal,
} from "../support/command-line.js";
import { type FilledServer, startFilledRedis } from "../support/filled-redis.js";
import { openOperatedApp } from "../support/operated-app.js";
import { countWalks } from "../support/walks.js";

const PREFIX = "crm:";
const SIZE = { columns: 70, rows: 16 };
const [ENTER, LEAVE] = ["\u001b[?1049h", "\u001b[?1049l"];
const values = (stdout: string) =>
  stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));

/** Ends it when the test does, whether it has passed or not. */
function kept(command: RunningCommand): RunningCommand {
  afterTest(async () => {
    command.child.kill("SIGKILL");
    await command.result;
  });
  return command;
}

describe("on a Redis", () => {
  let server: RedisServer;
  let filled: FilledServer;
  let env: NodeJS.ProcessEnv;

  beforeAll(async () => {
    filled = await startFilledRedis(PREFIX);
    ({ server, env } = filled);
  });
  afterAll(() => filled.close());
  const mutate = (tenant: string, module = "accounts") =>
    filled.app.request(`/${module}`, { tenant, method: "POST", headers: { "x-request-id": `of-${tenant}` } });

  test("tail: what has been, then what comes, also of a tenant that is new; SIGINT ends it with 0", async () => {
    const tail = kept(startCommand(["tail", "--json"], env));
    await until("what has been", () => tail.stdout().includes("request-7"));
    await mutate("acme");
    await mutate("initech", "leads");
    await until("a new tenant", () => tail.stdout().includes("of-initech"));
    tail.child.kill("SIGINT");
    const { code, stderr, stdout } = await tail.result;
    assert.equal(code, 0, stderr);
    const shown = values(stdout).map(({ tenant, modules, requestId, kind }) => [
      kind,
      tenant,
      modules,
      requestId,
    ]);
    assert.deepEqual(shown, [
      ["route", "globex", ["accounts"], "request-7"],
      ["route", "acme", ["accounts"], "of-acme"],
      ["route", "initech", ["leads"], "of-initech"],
    ]);
  });

  test("tail of a tenant and module, without following", async () => {
    await mutate("acme", "leads");
    const { code, stdout } = await runHere(
      ["tail", "--no-follow", "--tenant", "acme", "--module", "leads"],
      env,
    );
    assert.equal(code, 0);
    assert.match(stdout, /^\S+ \S+ {2}acme {2}leads {2}route POST \/leads, request of-acme\n$/);
    const none = await runHere(["tail", "--no-follow", "--tenant", "nobody"], env);
    assert.deepEqual([none.code, none.stdout], [0, ""]);
  });

  test("a pipe that closes ends it with 0, and no error", async () => {
    const top = kept(startCommand(["top", "--json", "--interval", "0.2"], env));
    await until("a sample", () => top.stdout().includes("\n"));
    top.child.stdout?.destroy();
    const { code, stderr } = await top.result;
    assert.deepEqual([code, stderr], [0, ""]);
  });

  test("top where there is no terminal: a line, or a value, for each sample", async () => {
    const text = await runCommand(["top", "--count", "2", "--interval", "0.2"], env);
    assert.equal(text.code, 0, text.stderr);
    assert.equal(text.stdout.trim().split("\n").length, 2);
    assert.match(text.stdout, /memory .* commands\/s \d/);
    const [first, second] = values(
      (await runHere(["top", "--json", "--count", "2", "--interval", "0.2"], env)).stdout,
    );
    assert.equal(first.commandsPerSecond, null);
    assert.ok(second.commandsPerSecond > 0 && second.seconds > 0);
    assert.ok(second.tenants.some(({ tenant }: { tenant: string }) => tenant === "globex"));
  });

  test("a server that comes back is waited for", async () => {
    const top = kept(startCommand(["top", "--json", "--interval", "0.2"], env));
    await until("a sample", () => top.stdout().includes("\n"));
    await server.kill();
    await server.restart();
    await goesOn(top);
  });

  test("a server that goes while it is asked is waited for, too", async () => {
    let goes = false;
    const proxy: TcpProxy = await startTcpProxy(Number(new URL(server.url).port), {
      // An answer is on its way: a question is under way.
      rewrite(bytes) {
        if (goes) proxy.cut();
        return bytes;
      },
    });
    afterTest(() => proxy.close());
    const url = `redis://127.0.0.1:${proxy.port}`;
    const top = kept(startCommand(["top", "--json", "--interval", "0.2"], { ...env, REDIS_CACHE_URL: url }));
    await until("a sample", () => top.stdout().includes("\n"));
    goes = true;
    await until("it is lost, or the end", () => top.stderr().includes("lost") || top.child.exitCode !== null);
    goes = false;
    proxy.heal();
    await goesOn(top);
  });

  async function goesOn(top: RunningCommand): Promise<void> {
    const before = top.stdout().length;
    const hasMore = () => top.stdout().length > before + 10;
    await until("another sample, or the end", () => hasMore() || top.child.exitCode !== null);
    top.child.kill("SIGTERM");
    const { code, stderr } = await top.result;
    assert.equal(code, 0, stderr);
    assert.ok(hasMore(), stderr);
  }

  describe("on a terminal (by script, of util-linux)", () => {
    test("q ends top, and the terminal is as it was; what is drawn fits", async () => {
      const top = kept(startOnTerminal(["top", "--interval", "0.2"], env, SIZE));
      await until("it is drawn twice", () => top.stdout().split("q ends").length > 2);
      top.child.stdin?.write("q");
      const { stdout } = await top.result;
      assert.ok(stdout.includes(ENTER) && stdout.lastIndexOf(LEAVE) > stdout.lastIndexOf(ENTER));
      assert.match(stdout.slice(stdout.lastIndexOf("code=")), /code=0\s+icanon\s+echo/);
      const screen = stdout.slice(stdout.lastIndexOf("\u001b[H"), stdout.lastIndexOf(LEAVE));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is told.
      const lines = screen.replaceAll(/\u001b\[[\d;?]*[A-Za-z]/g, "").split("\r\n");
      assert.ok(lines.length <= SIZE.rows, `${lines.length} lines`);
      for (const line of lines) assert.ok(line.length <= SIZE.columns, line);
    });

    test("Ctrl-C and SIGTERM end it likewise", async () => {
      for (const end of ["key", "signal"]) {
        const top = kept(startOnTerminal(["top", "--interval", "0.2"], env, SIZE));
        await until("it is drawn", () => top.stdout().includes("q ends"));
        if (end === "key") top.child.stdin?.write("\u0003");
        else spawnSync("pkill", ["-TERM", "-P", String(childOf(top.child.pid ?? 0))]);
        const { stdout } = await top.result;
        assert.match(stdout.slice(stdout.lastIndexOf("code=")), /code=0\s+icanon\s+echo/, end);
        assert.ok(stdout.includes(LEAVE));
      }
    });

    test("colours on a terminal; none with NO_COLOR", async () => {
      await mutate("acme");
      const args = ["tail", "--no-follow"];
      const coloured = await kept(startOnTerminal(args, env, SIZE)).result;
      assert.ok(coloured.stdout.includes("\u001b["));
      const plain = await kept(startOnTerminal(args, { ...env, NO_COLOR: "1" }, SIZE)).result;
      assert.ok(!plain.stdout.includes("\u001b["), plain.stdout);
    });
  });
});

/** The shell that `script` has started: the command is its child. */
function childOf(pid: number): string {
  return spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" }).stdout.trim();
}

describe("over an app", () => {
  const target = (url: string) => ["--app", `${url}/ops`, "--header", "x-who: operator"];

  test("tail: each decision and invalidation, filtered by event", async () => {
    const app = await openOperatedApp("memory");
    const tail = kept(startCommand(["tail", "--json", "--event", "miss", "invalidated", ...target(app.url)]));
    await until("it is told of a miss", async () => {
      await app.request(`/things/${Math.random()}`);
      return tail.stdout().includes('"miss"');
    });
    await app.request("/things", { method: "POST" });
    await until("and of an invalidation", () => tail.stdout().includes('"invalidated"'));
    tail.child.kill("SIGTERM");
    const { code, stdout, stderr } = await tail.result;
    assert.equal(code, 0, stderr);
    const events = new Set(values(stdout).map(({ event }) => event));
    assert.deepEqual([...events].sort(), ["invalidated", "miss"]);
  });

  test("top: rates, hit ratio, the busiest first; no entry is asked for its size", async () => {
    const app = await openOperatedApp("memory");
    const walks = countWalks(app.cache);
    const top = kept(startCommand(["top", "--json", "--interval", "0.2", ...target(app.url)]));
    await until("a rate", async () => {
      await app.request("/things/1", { tenant: "tenant-2" });
      return values(top.stdout().replace(/[^\n]*$/, "")).some(({ hitsPerSecond }) => hitsPerSecond > 0);
    });
    top.child.kill("SIGINT");
    const { stdout, code } = await top.result;
    assert.equal(code, 0);
    const sample = values(stdout).find(({ hitsPerSecond }) => hitsPerSecond > 0);
    assert.equal(sample.tenants[0].name, "tenant-2");
    assert.equal(sample.modules[0].name, "things");
    assert.ok(sample.hitRatio > 0);
    assert.ok(sample.tenants[0].bytes > 0);
    assert.equal(walks.times, 0);
    assert.equal((await app.ask("stats")).data.tenants["tenant-2"].entries, 1);
    assert.equal(walks.times, 1);
    assert.equal((await app.ask("stats?sizes=no")).status, 400);
  });

  test("an app that was never there is told at once", async () => {
    const { code } = await runHere(["top", "--app", "http://127.0.0.1:1/ops"]);
    assert.equal(code, 3);
  });
});
