// `npm start` for real: what it prints works when pasted, and nothing it started outlives it.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { findFreePort } from "../../db/free-port.js";
import { projectFile, projectRoot } from "../../project-root.js";
import { onPath } from "../../servers/debian-package.js";
import { guardChild } from "../../servers/guard.js";
import { until as settles } from "../../servers/until.js";

interface Started {
  readonly supervisor: ChildProcess;
  readonly lines: string[];
  /** Resolves with the line that matches; rejects when the process ends before. */
  until(pattern: RegExp): Promise<string>;
  /** Resolves with the exit code or the signal when it has ended and all output has arrived. */
  readonly ended: Promise<number | string>;
}

function start(data: string, env: Record<string, string>): Started {
  const inherited = { ...process.env };
  for (const name of ["DATABASE_URL", "REDIS_CACHE_URL", "REDIS_URL", "NODE_ENV", "HOST"])
    delete inherited[name];
  const supervisor = spawn(
    process.execPath,
    ["--enable-source-maps", projectFile("dist/scripts/start.js"), "--data", data],
    // A group of its own, as a shell makes for a command: Ctrl-C goes to all of it.
    { cwd: projectRoot, env: { ...inherited, ...env }, detached: true, stdio: ["ignore", "pipe", "pipe"] },
  );
  assert.ok(supervisor.pid);
  const release = guardChild(-supervisor.pid, "SIGTERM", []);
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [supervisor.stdout, supervisor.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  // The pipes close when the server, too, has ended: it shares them.
  const ended = once(supervisor, "close").then(([code, signal]) => {
    release();
    return (signal ?? code) as number | string;
  });
  const until = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const finish = (outcome: string | Error) => {
        waiting.delete(look);
        if (typeof outcome === "string") resolve(outcome);
        else reject(outcome);
      };
      const look = () => {
        const line = lines.find((each) => pattern.test(each));
        if (line !== undefined) finish(line);
      };
      waiting.add(look);
      void ended.then((how) =>
        finish(new Error(`it ended with ${how} before ${pattern}:\n${lines.join("\n")}`)),
      );
      look();
    });
  return { supervisor, lines, until, ended };
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

/** What a pasted line prints: by curl, or by the same request where there is no curl. */
async function paste(line: string, token: string): Promise<string> {
  if (onPath("curl") !== undefined) {
    const { stdout } = await promisify(execFile)("sh", ["-c", line], {
      env: { ...process.env, TOKEN: token },
    });
    return stdout;
  }
  let printed = "";
  for (const command of line.split(";").filter((part) => part.includes("curl"))) {
    const url = /"(http:[^"]+)"/.exec(command)?.[1] ?? "";
    const body = /-d '([^']*)'/.exec(command)?.[1];
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const answer = await fetch(url, body === undefined ? { headers } : { method: "POST", headers, body });
    const head = `HTTP/1.1 ${answer.status}\nCache-Status: ${answer.headers.get("cache-status")}\n`;
    printed += body === undefined ? head : `${await answer.text()}\n`;
  }
  return printed;
}

describe("npm start", () => {
  let data: string;
  let port: number;
  let home: string;
  let current: Started | undefined;

  const begin = async () => {
    current = start(data, { PORT: String(port) });
    const banner = await current.until(/^export TOKEN=/);
    // Run as root in a folder that only root can enter, it says where the data went.
    const elsewhere = current.lines.map((line) => / its files are in (.+)$/.exec(line)?.[1]).find(Boolean);
    home = elsewhere ?? data;
    return { ...current, token: banner.slice("export TOKEN=".length) };
  };
  const serverPid = (lines: readonly string[]) => {
    const line = lines.find((each) => each.includes('"listening on')) ?? "";
    return (JSON.parse(line) as { pid: number }).pid;
  };
  const postgresIsDown = () => !existsSync(path.join(home, "postgres", "postmaster.pid"));
  const nothingRuns = async () => {
    assert.equal(await listens(port), false, "the API has ended");
    assert.ok(postgresIsDown(), "PostgreSQL has ended");
  };

  beforeAll(async () => {
    data = mkdtempSync("/var/tmp/test-start-");
    home = data;
    port = await findFreePort();
  });

  afterAll(async () => {
    // A failed test may have left it running.
    if (current?.supervisor.exitCode === null && current.supervisor.signalCode === null) {
      current.supervisor.kill("SIGTERM");
      await current.ended;
    }
    for (const folder of [data, home]) rmSync(folder, { recursive: true, force: true });
  });

  test("what it prints shows a miss, a hit and an invalidation; Ctrl-C ends everything", async () => {
    const { lines, token, supervisor, until, ended } = await begin();
    await until(/; curl/);
    const [first = "", second = "", third = ""] = lines.filter((line) => line.startsWith("curl "));
    assert.match(await paste(first, token), /^HTTP\/1.1 200[\s\S]*fwd=miss; stored/);
    assert.match(await paste(second, token), /^HTTP\/1.1 200[\s\S]*; hit; ttl=\d+/);
    assert.match(
      await paste(third, token),
      /"name":"Example Ltd"[\s\S]*HTTP\/1.1 200[\s\S]*fwd=miss; stored/,
    );
    const [console = ""] = /http:\S+\/ops\/cache\//.exec(lines.join("\n")) ?? [];
    assert.match(await (await fetch(console)).text(), /The cache's console/, "its login");
    assert.ok(supervisor.pid);
    process.kill(-supervisor.pid, "SIGINT");
    assert.equal(await ended, 0);
    await nothingRuns();
  });

  test("a second start keeps the data; a server that is killed ends all of it with one line", async () => {
    const { lines, token, ended } = await begin();
    assert.ok(!lines.some((line) => /demo data|preparing|migrated/.test(line)), lines.join("\n"));
    const url = `http://127.0.0.1:${port}/api/accounts?name=Example%20Ltd`;
    const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
    const { pagination } = (await answer.json()) as { pagination: { total: number } };
    assert.equal(pagination.total, 1);
    process.kill(serverPid(lines), "SIGKILL");
    assert.equal(await ended, 1);
    assert.deepEqual(
      lines.filter((line) => /unexpectedly/.test(line)),
      ["the backend has ended unexpectedly (SIGKILL): stopping"],
    );
    await nothingRuns();
  });

  test("a supervisor that is killed takes the server with it, and the next start ends its PostgreSQL", async () => {
    const killed = await begin();
    killed.supervisor.kill("SIGKILL");
    assert.equal(await killed.ended, "SIGKILL");
    // The server sees that it is gone.
    while (await listens(port)) await delay(25);
    assert.equal(postgresIsDown(), false);
    const next = await begin();
    assert.ok(next.lines.some((line) => line.startsWith("ending the PostgreSQL of an earlier start")));
    // To this process alone, as a service manager sends it.
    next.supervisor.kill("SIGTERM");
    assert.equal(await next.ended, 0);
    await nothingRuns();
  });

  test("two starts on one folder are told apart, and PostgreSQL's crash ends all of it", async () => {
    const { lines, ended } = await begin();
    const rival = start(data, { PORT: String(await findFreePort()) });
    assert.equal(await rival.ended, 1);
    assert.deepEqual(rival.lines.length, 1, rival.lines.join("\n"));
    assert.match(rival.lines[0] ?? "", /another npm start uses .*--data/);
    await settles("the first one is ready", async () => {
      const { status } = await fetch(`http://127.0.0.1:${port}/api/system/health/ready`);
      return status === 200;
    });
    process.kill(
      Number(readFileSync(path.join(home, "postgres", "postmaster.pid"), "utf8").split("\n")[0]),
      "SIGKILL",
    );
    assert.equal(await ended, 1);
    assert.equal(lines.filter((line) => /^PostgreSQL has ended unexpectedly/.test(line)).length, 1);
    assert.equal(await listens(port), false);
  });

  test("a port in use is one line, before any database work", async () => {
    const blocker = createServer().listen(0, "127.0.0.1");
    await once(blocker, "listening");
    const address = blocker.address();
    assert.ok(typeof address === "object" && address);
    const untouched = path.join(data, "untouched");
    const refused = start(untouched, { PORT: String(address.port) });
    assert.equal(await refused.ended, 1);
    blocker.close();
    assert.deepEqual(refused.lines, [
      `port ${address.port} is in use: stop what listens there, or choose another: PORT=${address.port + 1} npm start`,
    ]);
    assert.equal(existsSync(untouched), false);
  });

  test("production is refused the development secret, before anything is started", async () => {
    const untouched = path.join(data, "untouched");
    const refused = start(untouched, { PORT: String(port), NODE_ENV: "production", JWT_SECRET: "" });
    assert.equal(await refused.ended, 1);
    assert.match(refused.lines.join("\n"), /JWT_SECRET: production needs a secret of its own/);
    assert.equal(existsSync(untouched), false);
  });
});
