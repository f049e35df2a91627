// The backends of a run of the feed: each reaches Redis and PostgreSQL by proxies of its own.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startTcpProxy, type TcpProxy } from "../../servers/index.js";
import type { FeedBackendConfig } from "./feed-backend.js";
import type { FeedProtection } from "./feed-protections.js";
import type { FeedRedis } from "./feed-redis.js";

const PROGRAM = fileURLToPath(new URL("./feed-backend.js", import.meta.url));
const ANSWERS_WITHIN_MS = 5000;

export interface FeedAnswer {
  readonly status: number;
  readonly cacheStatus: string;
  readonly body: unknown;
}

export class FeedBackend {
  readonly toRedis: Pick<TcpProxy, "cut" | "stall" | "heal" | "close">;
  readonly toDatabase: TcpProxy;
  readonly #config: FeedBackendConfig;
  #child: ChildProcess | undefined;
  #port: number | undefined;

  private constructor(toRedis: FeedBackend["toRedis"], toDatabase: TcpProxy, config: FeedBackendConfig) {
    this.toRedis = toRedis;
    this.toDatabase = toDatabase;
    this.#config = config;
  }

  static async start(
    databaseUrl: string,
    redis: FeedRedis,
    maxDelayMs: number,
    without: FeedProtection | undefined,
  ): Promise<FeedBackend> {
    const url = new URL(databaseUrl);
    const proxies = await Promise.all(redis.servers.map(({ port }) => startTcpProxy(port)));
    const natMap = Object.fromEntries(
      redis.servers.map(({ host, port }, at) => [
        `${host}:${port}`,
        { host, port: proxies[at]?.port ?? port },
      ]),
    );
    const toDatabase = await startTcpProxy(Number(url.port));
    url.port = String(toDatabase.port);
    const config = {
      databaseUrl: url.href,
      redis: { ...redis.options, natMap },
      maxDelayMs,
      ...(without && { without }),
    };
    const backend = new FeedBackend(allOf(proxies), toDatabase, config);
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

/** The ways to all servers, of which one is master. */
function allOf(proxies: readonly TcpProxy[]): FeedBackend["toRedis"] {
  const each = (act: (proxy: TcpProxy) => void) => () => proxies.forEach(act);
  return {
    cut: each((proxy) => proxy.cut()),
    stall: each((proxy) => proxy.stall()),
    heal: each((proxy) => proxy.heal()),
    close: async () => void (await Promise.all(proxies.map((proxy) => proxy.close()))),
  };
}
