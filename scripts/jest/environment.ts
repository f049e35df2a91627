// The environment of a test file: Node's, and a file that leaves something open behind fails.
import { setTimeout as delay } from "node:timers/promises";
import type { Circus } from "@jest/types";
import { TestEnvironment } from "jest-environment-node";
import { openHandles } from "./open-handles.js";
import { slowdown } from "./slowdown.js";

/** For what has been closed to be gone. */
const CLOSES_WITHIN_MS = Number(process.env.TEST_CLOSES_WITHIN_MS || 10_000);
const LOOK_EVERY_MS = 20;
/** Pipes are left out: a worker opens its own standard streams when they are first written to. */
const KINDS = ["ProcessWrap", "TCPServerWrap", "TCPSocketWrap", "TLSWrap", "UDPWRAP"];

export default class Environment extends TestEnvironment {
  #openBefore = countOpen();

  override async setup(): Promise<void> {
    await super.setup();
    this.#openBefore = countOpen();
  }

  async handleTestEvent({ name }: Circus.AsyncEvent): Promise<void> {
    if (name !== "run_finish") return;
    const giveUpAtMs = performance.now() + CLOSES_WITHIN_MS * slowdown();
    while (this.#left().length > 0) {
      if (performance.now() > giveUpAtMs)
        throw new Error(`left open: ${this.#left().join(", ")}\n  ${openHandles().join("\n  ")}`);
      await delay(LOOK_EVERY_MS);
    }
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
