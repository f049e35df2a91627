// What an operator has: a database, both Redis servers, backend processes, and `npm run admin` as a process of its own.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import pg from "pg";
import { projectFile } from "../../project-root.js";
import {
  createTestDatabase,
  type DurablePostgres,
  type RedisServer,
  startRedisServer,
} from "../../servers/index.js";
import { until } from "../../servers/until.js";
import { type BackendProcess, forkBackend } from "./forked-backend.js";
import type { CommandOutcome } from "./operator-process.js";

export interface Answer {
  readonly status: number;
  /** "hit", "miss" or "" */
  readonly cache: string;
  readonly headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any route
  readonly body: any;
}

export interface RunningBackend {
  readonly url: string;
  readonly process: BackendProcess;
  ask(token: string, path: string, options?: { method?: string; body?: object }): Promise<Answer>;
}

export interface OperatedCrm {
  readonly state: RedisServer;
  readonly cache: RedisServer;
  readonly env: NodeJS.ProcessEnv;
  /** Runs the command; what is on standard input is `input`. */
  admin(
    args: readonly string[],
    options?: { env?: NodeJS.ProcessEnv; input?: string },
  ): Promise<CommandOutcome>;
  /** Runs it with `--json`, in the one process that carries out all of these. @throws Error where the exit code is not 0 */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any command
  done(...args: string[]): Promise<any>;
  // biome-ignore lint/suspicious/noExplicitAny: rows of any query
  sql(statement: string, values?: unknown[]): Promise<any[]>;
  /** @param program Default: this version's server. */
  start(env?: NodeJS.ProcessEnv, program?: string): Promise<RunningBackend>;
  close(): Promise<void>;
}

export interface OperatedCrmOptions {
  /** Stopped with the rest. Default: a database of the server that suites share. */
  readonly postgres?: DurablePostgres;
  /** Beside, and before, what every test has. */
  readonly env?: NodeJS.ProcessEnv;
}

const ADMIN = projectFile("dist/backend/admin.js");
const OPERATOR = projectFile("dist/backend/test/support/operator-process.js");

export async function startOperatedCrm({
  postgres,
  env: own,
}: OperatedCrmOptions = {}): Promise<OperatedCrm> {
  const [database, state, cache] = await Promise.all([
    postgres ? { url: postgres.url, drop: () => postgres.stop() } : createTestDatabase(),
    startRedisServer({ service: "redis" }),
    startRedisServer(),
  ]);
  const children: BackendProcess[] = [];
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_ENV: "production",
    JWT_SECRET: "a-secret-of-an-operator-with-enough-bytes",
    PORT: "0",
    DATABASE_URL: database.url,
    REDIS_URL: state.url,
    REDIS_CACHE_URL: cache.url,
    CACHE_WARM_ON_START: "false",
    // What is a miss is so because of what was done, however long that takes.
    CACHE_TTL_LIST_SECONDS: "86400",
    RATE_LIMIT_MAX: "0",
    // Far above what a busy machine takes.
    CACHE_BUDGET_MS: "10000",
    ...own,
  };
  const admin: OperatedCrm["admin"] = (args, options = {}) =>
    new Promise((resolve) => {
      const child = execFile(
        process.execPath,
        [ADMIN, ...args],
        { env: { ...env, ...options.env } },
        (error, stdout, stderr) => resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
      );
      child.stdin?.end(options.input ?? "");
    });
  let operator: ChildProcess | undefined;
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = (args: readonly string[]) => {
    const outcome = last.then(async () => {
      operator ??= fork(OPERATOR, { env, stdio: ["ignore", "ignore", "ignore", "ipc"] });
      operator.send(args);
      const [told] = await once(operator, "message");
      return told as CommandOutcome;
    });
    last = outcome;
    return outcome;
  };
  return {
    state,
    cache,
    env,
    admin,
    done: async (...args) => {
      const { code, stdout, stderr } = await inTurn([...args, "--json"]);
      if (code !== 0) throw new Error(`admin ${args.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
      return JSON.parse(stdout);
    },
    sql: async (statement, values = []) => {
      const client = new pg.Client(database.url);
      await client.connect();
      try {
        return (await client.query(statement, values)).rows;
      } finally {
        await client.end();
      }
    },
    start: async (more = {}, program) => {
      const child = forkBackend({ ...env, ...more }, program);
      children.push(child);
      const url = await child.listening();
      return { url, process: child, ask: (token, path, options) => ask(url, token, path, options) };
    },
    close: async () => {
      if (operator?.kill()) await once(operator, "exit");
      await Promise.all(children.map((child) => child.kill()));
      await Promise.all([state.stop(), cache.stop()]);
      await database.drop();
    },
  };
}

/**
 * Asks all of them until each has answered this path from the cache three times in a row: often enough for its lane
 * to have learnt of it. A hit that was seen need not be the last miss: responses are stored behind their answer, and
 * a process that comes back to the cache later than the others repeats what it could not confirm, which replaces
 * fences of theirs.
 */
export async function untilHits(
  token: string,
  path: string,
  backends: readonly RunningBackend[],
): Promise<void> {
  await until(`hits of ${path} in ${backends.length} processes`, async () => {
    for (const { ask } of backends)
      for (let time = 0; time < 3; time++) {
        const { status, cache } = await ask(token, path);
        // On a busy machine the persistent Redis may take longer to answer than the server waits for it.
        if (status === 503) return false;
        assert.equal(status, 200);
        if (cache !== "hit") return false;
      }
    return true;
  });
}

/** The two commands that the start's log tells a new operator: their words, and what the second one asks for. */
export function firstCommands(log: string): {
  readonly create: string[];
  readonly issue: string[];
  readonly url: string;
} {
  const [, create = "", issue = "", url = ""] =
    /"msg":"npm run admin -- (tenant create [^"]+)".*"msg":"curl -i --oauth2-bearer \$\(npm run --silent admin -- ([^)]+)\) (http[^"]+)"/s.exec(
      log,
    ) ?? assert.fail(log);
  return { create: create.split(" "), issue: issue.split(" "), url };
}

async function ask(
  url: string,
  token: string,
  path: string,
  { method = "GET", body }: { method?: string; body?: object } = {},
): Promise<Answer> {
  const response = await fetch(url + path, {
    method,
    headers: {
      ...(token !== "" && { Authorization: `Bearer ${token}` }),
      ...(body && { "Content-Type": "application/json" }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const cache = /; (?:fwd=)?(hit|miss|bypass)/.exec(response.headers.get("cache-status") ?? "")?.[1] ?? "";
  return { status: response.status, cache, headers: response.headers, body: text && JSON.parse(text) };
}
