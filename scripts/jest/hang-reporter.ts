// Ends a run in which nothing begins or ends any more, or that does not end after its last file, and says where it hangs: what never gives the event loop back has no time-out of Jest's.

import type { Reporter, Test } from "@jest/reporters";
import type { Config } from "@jest/types";
import { projectRoot } from "../../backend/project-root.js";
import { slowdown } from "./slowdown.js";

/** Twice as long as a test may take. */
const QUIET_MS = 600_000;
/** After the last file: Jest ends its workers, and the servers of the run stop. */
const ENDS_WITHIN_MS = 60_000;

type TestCase = Parameters<NonNullable<Reporter["onTestCaseStart"]>>[1];

export default class HangReporter implements Reporter {
  readonly #underWay = new Map<string, Set<string>>();
  readonly #quietMs = Number(process.env.TEST_HANGS_AFTER_MS || QUIET_MS);
  readonly #goesOn: boolean;
  #timer: NodeJS.Timeout | undefined;

  constructor({ watch, watchAll }: Config.GlobalConfig) {
    this.#goesOn = watch || watchAll;
  }

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
    if (this.#goesOn) return;
    const endsWithinMs = Number(process.env.TEST_ENDS_WITHIN_MS || ENDS_WITHIN_MS) * slowdown();
    this.#endAll(endsWithinMs, () => `It does not end: ${endsWithinMs / 1000} s after its last file.`);
  }

  #wait(): void {
    const quietMs = this.#quietMs * slowdown();
    this.#endAll(quietMs, () => this.#hangs(quietMs));
  }

  /** In so many milliseconds, unless this is called again before. */
  #endAll(inMs: number, why: () => string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      process.stderr.write(`\n${why()}\n`);
      // The whole group: Jest, its workers and the processes that tests have started. Servers are ended by their guardian.
      process.kill(0, "SIGKILL");
    }, inMs);
    this.#timer.unref();
  }

  #hangs(quietMs: number): string {
    const lines = [...this.#underWay].map(([file, tests]) =>
      [file.replace(`${projectRoot}/dist/`, "  "), ...[...tests].map((name) => `    ${name}`)].join("\n"),
    );
    return `It hangs: nothing has begun or ended for ${quietMs / 1000} s. Under way:\n${lines.join("\n")}`;
  }
}
