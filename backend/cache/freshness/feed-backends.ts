// The backends of a run of the feed: each reaches Redis and PostgreSQL by proxies of its own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startTcpProxy, type TcpProxy } from "../../servers/index.js";
import type { FeedBackendConfig } from "./feed-backend.js";
import type { FeedProtection } from "./feed-protections.js";

const PROGRAM = fileURLToPath(new URL("./feed-backend.js", import.meta.url));
const ANSWERS_WITHIN_MS = 5000;

export interface FeedAnswer {
  readonly status: number;
  readonly cacheStatus: string;
  readonly body: unknown;
}

export class FeedBackend {
  readonly toRedis: TcpProxy;
  readonly toDatabase: TcpProxy;
  readonly #config: FeedBackendConfig;
  #child: ChildProcess | undefined;
  #port: number | undefined;

  private constructor(toRedis: TcpProxy, toDatabase: TcpProxy, config: FeedBackendConfig) {
    this.toRedis = toRedis;
    this.toDatabase = toDatabase;
    this.#config = config;
  }

  static async start(
    databaseUrl: string,
    redisPort: number,
    maxDelayMs: number,
    without: FeedProtection | undefined,
  ): Promise<FeedBackend> {
    const url = new URL(databaseUrl);
    const toRedis = await startTcpProxy(redisPort);
    const toDatabase = await startTcpProxy(Number(url.port));
    url.port = String(toDatabase.port);
    const redis = { host: "127.0.0.1", port: toRedis.port };
    const config = { databaseUrl: url.href, redis, maxDelayMs, ...(without && { without }) };
    const backend = new FeedBackend(toRedis, toDatabase, config);
    await backend.bear();
    return backend;
  }

  /** A process in the place of one that has died. */
  async bear(): Promise<void> {
    const child = fork(PROGRAM, [JSON.stringify(this.#config)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
    });
    this.#child = child;
    const [{ port }] = (await once(child, "message")) as [{ port: number }];
    this.#port = port;
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  async die(): Promise<void> {
    const child = this.#child;
    this.#port = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGCONT");
    child.kill("SIGKILL");
    await ended;
  }

  /** `undefined` where there is no answer: it has died, or stands still. */
  async get(path: string, tenant = ""): Promise<FeedAnswer | undefined> {
    if (this.#port === undefined) return undefined;
    try {
      const response = await fetch(`http://127.0.0.1:${this.#port}${path}`, {
        headers: { "x-tenant": tenant },
        signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
      });
      const text = await response.text();
      const cacheStatus = response.headers.get("cache-status") ?? "";
      return { status: response.status, cacheStatus, body: response.ok ? JSON.parse(text) : undefined };
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    await this.die();
    await Promise.all([this.toRedis.close(), this.toDatabase.close()]);
  }
}
