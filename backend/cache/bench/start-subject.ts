// A subject's process, as the bench sees it: where it listens, what it answers, and its end.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { guardChild } from "../../servers/guard.js";
import { pinned } from "./cores.js";
import type { Answer, Question } from "./subjects/question.js";
import type { SubjectConfig } from "./subjects/subject.js";

const ENDS_WITHIN_MS = 5000;
const PROGRAM = fileURLToPath(new URL("./subjects/subject-process.js", import.meta.url));

interface Waiting {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export class SubjectProcess {
  port = 0;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #questions = 0;

  /** Resolves when it listens. @throws Error where it ends instead */
  static async start(
    config: SubjectConfig,
    cores: readonly number[] | undefined,
    flags: readonly string[] = [],
    node = process.execPath,
  ): Promise<SubjectProcess> {
    const subject = new SubjectProcess(config, cores, flags, node);
    subject.port = (await subject.#answerTo(0)) as number;
    return subject;
  }

  private constructor(
    config: SubjectConfig,
    cores: readonly number[] | undefined,
    flags: readonly string[],
    node: string,
  ) {
    const args = ["--expose-gc", "--no-warnings", ...flags, PROGRAM, JSON.stringify(config)];
    const [command, all] = pinned(cores, node, args);
    this.#child = spawn(command, all, {
      // As in production: Express looks at it.
      env: { ...process.env, NODE_ENV: "production" },
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    if (this.#child.pid !== undefined) {
      const release = guardChild(this.#child.pid, "SIGKILL", []);
      this.#child.once("exit", release);
    }
    this.#child.on("message", ({ id, answer, error }: Answer) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer);
      else waiting?.reject(new Error(error));
    });
    const fail = (reason: string) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${config.program}: ${reason}`));
      this.#waiting.clear();
    };
    this.#child.once("error", ({ message }) => fail(message));
    this.#child.once("exit", (code, signal) => fail(`ended (${signal ?? `exit code ${code}`})`));
  }

  /** Has one of the subject's controls answer. */
  ask<T>(name: string, argument?: unknown): Promise<T> {
    const id = ++this.#questions;
    const answer = this.#answerTo(id);
    this.#child.send({ id, name, argument } satisfies Question);
    return answer as Promise<T>;
  }

  /** Lets it end by itself first: where it is profiled, it writes its profile then. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    const late = setTimeout(() => this.#child.kill("SIGKILL"), ENDS_WITHIN_MS);
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(late);
  }

  #answerTo(id: number): Promise<unknown> {
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
