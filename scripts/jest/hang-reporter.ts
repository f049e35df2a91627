// Ends a run in which nothing begins or ends any more, and says where it hangs: what never gives the event loop back has no time-out of Jest's.
import type { Reporter, Test } from "@jest/reporters";
import { projectRoot } from "../../backend/project-root.js";
import { slowdown } from "./slowdown.js";

/** Twice as long as a test may take. */
const QUIET_MS = 600_000;

type TestCase = Parameters<NonNullable<Reporter["onTestCaseStart"]>>[1];

export default class HangReporter implements Reporter {
  readonly #underWay = new Map<string, Set<string>>();
  readonly #quietMs = Number(process.env.TEST_HANGS_AFTER_MS || QUIET_MS);
  #timer: NodeJS.Timeout | undefined;

  onRunStart(): void {
    this.#wait();
  }

  onTestFileStart({ path }: Test): void {
    this.#underWay.set(path, new Set());
    this.#wait();
  }

  onTestCaseStart({ path }: Test, { fullName }: TestCase): void {
    this.#underWay.get(path)?.add(fullName);
    this.#wait();
  }

  onTestCaseResult({ path }: Test, { fullName }: { readonly fullName: string }): void {
    this.#underWay.get(path)?.delete(fullName);
    this.#wait();
  }

  onTestFileResult({ path }: Test): void {
    this.#underWay.delete(path);
    this.#wait();
  }

  onRunComplete(): void {
    clearTimeout(this.#timer);
  }

  #wait(): void {
    clearTimeout(this.#timer);
    const quietMs = this.#quietMs * slowdown();
    this.#timer = setTimeout(() => this.#giveUp(quietMs), quietMs);
    this.#timer.unref();
  }

  #giveUp(quietMs: number): void {
    const lines = [...this.#underWay].map(([file, tests]) =>
      [file.replace(`${projectRoot}/dist/`, "  "), ...[...tests].map((name) => `    ${name}`)].join("\n"),
    );
    process.stderr.write(
      `\nIt hangs: nothing has begun or ended for ${quietMs / 1000} s. Under way:\n${lines.join("\n")}\n`,
    );
    // The whole group: Jest, its workers and the processes that tests have started. Servers are ended by their guardian.
    process.kill(0, "SIGKILL");
  }
}
