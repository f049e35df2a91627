// Redis servers that belong to one test: started, stopped, hung, killed and restarted at will.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { serverFlags } from "./compose.js";
import { findRedis } from "./find-redis.js";
import { freePort } from "./free-port.js";
import { startRedisContainer } from "./redis-container.js";

export interface RedisServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** SIGSTOP: connections stay open, nothing is answered. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** SIGKILL: connections are reset, the data is gone. */
  kill(): Promise<void>;
  /** Starts again on the same port, empty. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface RedisServerOptions {
  /** Flags after those of the compose file's `redis-cache`, so that they win. */
  readonly args?: readonly string[];
}

/** A server of the test's own, with the flags that `redis-cache` has in docker-compose.yml. */
export async function startRedisServer({ args = [] }: RedisServerOptions = {}): Promise<RedisServer> {
  const flags = [...serverFlags("redis-cache"), ...args];
  const source = await findRedis();
  return source.kind === "docker" ? startRedisContainer(flags) : new LocalRedis(source.path, flags).start();
}

const STARTS_WITHIN_MS = 10_000;
/** Servers that this process started: none outlives it. */
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    process.exitCode = 130;
    process.exit();
  });
}

class LocalRedis implements RedisServer {
  readonly host = "127.0.0.1";
  readonly #binary: string;
  readonly #flags: readonly string[];
  readonly #folder = mkdtempSync(path.join(tmpdir(), "test-redis-"));
  port = 0;
  #child: ChildProcess | undefined;

  constructor(binary: string, flags: readonly string[]) {
    this.#binary = binary;
    this.#flags = flags;
  }

  get url(): string {
    return `redis://${this.host}:${this.port}`;
  }

  async start(): Promise<this> {
    this.port = await freePort();
    await this.restart();
    return this;
  }

  async pause(): Promise<void> {
    this.#child?.kill("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill("SIGKILL");
    await exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    const place = [
      "--port",
      String(this.port),
      "--bind",
      this.host,
      "--dir",
      this.#folder,
      "--daemonize",
      "no",
    ];
    const child = spawn(this.#binary, [...this.#flags, ...place], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000);
    });
    // Servers alone keep no test process alive.
    child.unref();
    (child.stdout as Socket).unref();
    running.add(child);
    child.once("exit", () => running.delete(child));
    this.#child = child;
    const giveUpAtMs = performance.now() + STARTS_WITHIN_MS;
    while (!(await accepts(this.port))) {
      if (child.exitCode !== null || performance.now() > giveUpAtMs) {
        throw new Error(`${this.#binary} did not start:\n${said}`);
      }
      await delay(10);
    }
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Whether a Redis at the port answers PING: a listening socket alone may still be loading. */
function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
    socket.once("data", (answer) => {
      socket.destroy();
      resolve(answer.toString().startsWith("+PONG"));
    });
    socket.once("error", () => resolve(false));
  });
}
