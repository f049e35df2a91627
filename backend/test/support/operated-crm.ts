// What an operator has: a database, both Redis servers, backend processes, and `npm run admin` as a process of its own.
import { type ChildProcess, execFile, fork } from "node:child_process";
import { once } from "node:events";
import { projectFile } from "../../project-root.js";
import { createTestDatabase, type RedisServer, startRedisServer } from "../../servers/index.js";

export interface AdminRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

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
  readonly output: { text: string };
  ask(token: string, path: string, options?: { method?: string; body?: object }): Promise<Answer>;
}

export interface OperatedCrm {
  readonly databaseUrl: string;
  readonly state: RedisServer;
  readonly cache: RedisServer;
  readonly env: NodeJS.ProcessEnv;
  /** Runs the command; what is on standard input is `input`. */
  admin(args: readonly string[], options?: { env?: NodeJS.ProcessEnv; input?: string }): Promise<AdminRun>;
  /** Runs it with `--json`. @throws Error where the exit code is not 0 */
  // biome-ignore lint/suspicious/noExplicitAny: JSON of any command
  done(...args: string[]): Promise<any>;
  start(env?: NodeJS.ProcessEnv): Promise<RunningBackend>;
  close(): Promise<void>;
}

const SERVER = projectFile("dist/backend/server.js");
const ADMIN = projectFile("dist/backend/admin.js");

export async function startOperatedCrm(): Promise<OperatedCrm> {
  const [database, state, cache] = await Promise.all([
    createTestDatabase(),
    startRedisServer({ args: ["--maxmemory-policy", "noeviction"] }),
    startRedisServer(),
  ]);
  const children: ChildProcess[] = [];
  const env: NodeJS.ProcessEnv = {
    PATH: process.env.PATH,
    NODE_ENV: "production",
    JWT_SECRET: "a-secret-of-an-operator-with-enough-bytes",
    PORT: "0",
    DATABASE_URL: database.url,
    REDIS_URL: state.url,
    REDIS_CACHE_URL: cache.url,
    CACHE_WARM_ON_START: "false",
    RATE_LIMIT_MAX: "0",
    // Far above what a busy machine takes.
    CACHE_BUDGET_MS: "10000",
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
  return {
    databaseUrl: database.url,
    state,
    cache,
    env,
    admin,
    done: async (...args) => {
      const { code, stdout, stderr } = await admin([...args, "--json"]);
      if (code !== 0) throw new Error(`admin ${args.join(" ")}: exit code ${code}\n${stdout}${stderr}`);
      return JSON.parse(stdout);
    },
    start: async (own = {}) => {
      const child = fork(SERVER, { env: { ...env, ...own }, silent: true });
      children.push(child);
      const output = { text: "" };
      for (const stream of [child.stdout, child.stderr]) {
        stream?.on("data", (chunk) => {
          output.text += chunk;
        });
      }
      const ended = once(child, "exit").then(() => undefined);
      const message = await Promise.race([once(child, "message").then(([first]) => first), ended]);
      if (!message) throw new Error(`the backend did not start: ${output.text}`);
      const url = `http://127.0.0.1:${message.port}`;
      return { url, output, ask: (token, path, options) => ask(url, token, path, options) };
    },
    close: async () => {
      for (const child of children) {
        const exited = once(child, "exit");
        if (child.exitCode === null && child.kill("SIGKILL")) await exited;
      }
      await Promise.all([state.stop(), cache.stop()]);
      await database.drop();
    },
  };
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
