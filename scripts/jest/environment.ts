// The environment of a test file: Node's, and a file that leaves something open behind fails.
import { setTimeout as delay } from "node:timers/promises";
import type { Circus } from "@jest/types";
import { TestEnvironment } from "jest-environment-node";
import { endStorages, followStorages } from "./async-storages.js";
import { openChildren, openHandles } from "./open-handles.js";
import { slowdown } from "./slowdown.js";

/** For what has been closed to be gone. */
const CLOSES_WITHIN_MS = Number(process.env.TEST_CLOSES_WITHIN_MS || 10_000);
const LOOK_EVERY_MS = 20;
/** Pipes are left out: a worker opens its own standard streams when they are first written to. */
const KINDS = ["ProcessWrap", "TCPServerWrap", "TCPSocketWrap", "TLSWrap", "UDPWRAP"];

followStorages();

export default class Environment extends TestEnvironment {
  #openBefore = countOpen();
  #failed = 0;

  override async setup(): Promise<void> {
    await super.setup();
    this.#openBefore = countOpen();
  }

  async handleTestEvent(event: Circus.AsyncEvent | Circus.SyncEvent): Promise<void> {
    if (event.name === "test_done" && event.test.errors.length > 0) this.#failed++;
    if (event.name !== "run_finish") return;
    const giveUpAtMs = performance.now() + CLOSES_WITHIN_MS * slowdown();
    while (this.#left().length > 0) {
      if (performance.now() > giveUpAtMs) return this.#giveUp();
      await delay(LOOK_EVERY_MS);
    }
  }

  override async teardown(): Promise<void> {
    await super.teardown();
    endStorages();
  }

  #giveUp(): void {
    const problem = `left open: ${this.#left().join(", ")}\n  ${openHandles().join("\n  ")}`;
    // They share the worker's output: Jest would wait for them for ever.
    for (const pid of openChildren()) process.kill(pid, "SIGKILL");
    // A test that fails may leave things behind. Thrown, this would take the place of why it has failed.
    if (this.#failed === 0) throw new Error(problem);
    process.stderr.write(`${problem}\n`);
  }

  #left(): string[] {
    const now = countOpen();
    return KINDS.filter((kind) => (now[kind] ?? 0) > (this.#openBefore[kind] ?? 0));
  }
}

function countOpen(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
