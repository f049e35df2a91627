// The backend processes of a run: started, killed, and started again when they have died.
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { Agent } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { exchange, type HttpAnswer } from "../../servers/exchange.js";
import { type BackendConfig, type BackendMessage, RECORDS_PATH, type Records } from "./checked-protocol.js";
import { between, pick, type Random } from "./random.js";

const PROGRAM = fileURLToPath(new URL("./checked-process.js", import.meta.url));

/** One life of a backend process. */
export interface Backend {
  /** Differs for each life: `b2.1` is the first life of the third process. */
  readonly name: string;
  /** Rejects when the process dies first. */
  send(method: "GET" | "POST", path: string, headers: Record<string, string>): Promise<HttpAnswer>;
}

interface Life extends Backend {
  readonly child: ChildProcess;
  readonly agent: Agent;
}

export interface PoolListener {
  recovered(process: string, epoch: number): void;
  /** A process was born or died, or its cache has said something. */
  noted(process: string, what: string, atMs?: number): void;
}

export class BackendPool {
  readonly #configs: readonly Omit<BackendConfig, "name">[];
  readonly #listener: PoolListener;
  readonly #lives: Life[] = [];
  readonly #starting = new Set<Promise<void>>();
  #births = 0;
  #stopped = false;
  deaths = 0;

  constructor(configs: readonly Omit<BackendConfig, "name">[], listener: PoolListener) {
    this.#configs = configs;
    this.#listener = listener;
  }

  async start(): Promise<void> {
    await Promise.all(this.#configs.map((_, index) => this.#bear(index)));
  }

  /** Those that listen now. */
  get alive(): readonly Backend[] {
    return this.#lives;
  }

  /** What every process that lives remembers of a tenant since then, by its name. */
  async recordsOf(tenant: string, sinceMs: number): Promise<ReadonlyMap<string, Records>> {
    const path = `${RECORDS_PATH}?tenant=${tenant}&since=${sinceMs}`;
    const told = new Map<string, Records>();
    await Promise.all(
      this.#lives.map(async ({ name, send }) => {
        const answer = await send("GET", path, {}).catch(() => undefined);
        if (answer) told.set(name, JSON.parse(answer.body) as Records);
      }),
    );
    return told;
  }

  /** Resolves when all processes live and each has its store in use and nothing left to replay. */
  async settled(): Promise<void> {
    while (this.#starting.size > 0) await Promise.all(this.#starting);
    await Promise.all(this.#lives.map((life) => life.send("GET", "/ready", {}).catch(() => undefined)));
  }

  /** SIGKILLs some process at a moment when none of its invalidations waits, and resolves when it is gone. */
  async kill(random: Random): Promise<void> {
    const victim = pick(random, this.#lives);
    const exited = once(victim.child, "exit");
    if (victim.child.connected) victim.child.send({ type: "die" });
    await exited;
  }

  /** SIGSTOPs some process for less or more than a read lease. */
  async pause(random: Random): Promise<void> {
    const { child } = pick(random, this.#lives);
    child.kill("SIGSTOP");
    await delay(between(random, 10, 400));
    child.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.allSettled(this.#starting);
    await Promise.all(
      this.#lives.splice(0).map(async ({ child, agent }) => {
        agent.destroy();
        if (child.exitCode !== null || child.signalCode !== null) return;
        const exited = once(child, "exit");
        child.kill("SIGKILL");
        await exited;
      }),
    );
  }

  async #bear(index: number): Promise<void> {
    const name = `b${index}.${++this.#births}`;
    const config = { ...this.#configs[index], name };
    const child = fork(PROGRAM, [JSON.stringify(config)], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const agent = new Agent({ keepAlive: true });
    const port = await new Promise<number>((resolve, reject) => {
      child.on("message", (message: BackendMessage) => {
        if (message.type === "listening") resolve(message.port);
        else if (message.type === "log") this.#listener.noted(name, message.line, message.atMs);
        else {
          this.#listener.recovered(name, message.epoch);
          this.#listener.noted(name, "the store is in use again, and nothing waits");
        }
      });
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(new Error(`a backend has ended at once (${signal ?? code})`)),
      );
    });
    const life: Life = { name, child, agent, send: (...what) => exchange(agent, port, ...what) };
    this.#lives.push(life);
    child.once("exit", () => {
      this.deaths++;
      this.#listener.noted(name, "has died");
      agent.destroy();
      const at = this.#lives.indexOf(life);
      if (at !== -1) this.#lives.splice(at, 1);
      if (this.#stopped) return;
      const reborn = this.#bear(index).finally(() => this.#starting.delete(reborn));
      this.#starting.add(reborn);
    });
  }
}
