// A Redis or Valkey process of one test: started, hung, killed and restarted at will.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { findFreePort } from "../db/free-port.js";
import { guardChild } from "./guard.js";
import type { RedisServer } from "./redis-server.js";
import { tlsFlags } from "./redis-tls.js";

const START_TIMEOUT_MS = 120_000;
const START_ATTEMPTS = 5;

export class LocalRedis implements RedisServer {
  readonly host = "127.0.0.1";
  port = 0;
  readonly #binary: string;
  readonly #flags: readonly string[];
  readonly #hasTls: boolean;
  readonly #folder = mkdtempSync(path.join(tmpdir(), "test-redis-"));
  #child: ChildProcess | undefined;

  /** @param hasTls whether it speaks TLS, and nothing else */
  constructor(binary: string, flags: readonly string[], hasTls: boolean) {
    this.#binary = binary;
    this.#flags = flags;
    this.#hasTls = hasTls;
  }

  get url(): string {
    return `${this.#hasTls ? "rediss" : "redis"}://${this.host}:${this.port}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Starts on a free port; on another one if somebody else takes it first. */
  async start(): Promise<this> {
    for (let attempt = 1; ; attempt += 1) {
      this.port = await findFreePort();
      try {
        await this.#launch();
        return this;
      } catch (error) {
        if (attempt === START_ATTEMPTS || !/in use/i.test(String(error))) throw error;
      }
    }
  }

  async pause(): Promise<void> {
    this.#child?.kill("SIGSTOP");
  }

  async resume(): Promise<void> {
    this.#child?.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    // It was unreferenced: nothing else may keep this process waiting for its end.
    child.ref();
    child.kill("SIGKILL");
    await exited;
  }

  async restart(): Promise<void> {
    await this.kill();
    await this.#launch();
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** @throws Error with what the server printed, when it ended instead of accepting connections */
  async #launch(): Promise<void> {
    const place = [
      ...(this.#hasTls ? tlsFlags(this.port) : ["--port", String(this.port)]),
      "--bind",
      this.host,
      "--dir",
      this.#folder,
      "--daemonize",
      "no",
    ];
    const child = spawn(this.#binary, [...this.#flags, ...place], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#child = child;
    if (child.pid !== undefined) {
      const release = guardChild(child.pid, "SIGKILL", [this.#folder]);
      child.once("exit", release);
    }
    await untilReady(child, child.stdout, this.#binary);
    // Its later output is read and dropped, or the server would block on a full pipe; it keeps no test
    // process alive.
    child.stdout.resume();
    child.unref();
    (child.stdout as Socket).unref();
  }
}

function untilReady(child: ChildProcess, output: Readable, binary: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const printed: string[] = [];
    const lines = createInterface({ input: output });
    const finish = (failure?: string) => {
      clearTimeout(timer);
      lines.close();
      if (failure === undefined) resolve();
      else reject(new Error(`${binary} did not start (${failure}): ${printed.join("\n")}`));
    };
    const timer = setTimeout(() => finish("timeout"), START_TIMEOUT_MS);
    lines.on("line", (line) => {
      printed.push(line);
      if (/ready to accept connections/i.test(line)) finish();
    });
    child.once("error", (error) => finish(error.message));
    // Not `exit`: what it printed last may still be on its way.
    child.once("close", (code, signal) => finish(signal ?? `exit code ${code}`));
  });
}
