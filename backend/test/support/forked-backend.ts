// The backend as a process of a test: where it listens, what it logs, and how it ended.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { finished } from "node:stream/promises";
import { listeningPort } from "../../../scripts/backend-process.js";
import { projectFile } from "../../project-root.js";

export interface BackendProcess {
  readonly child: ChildProcess;
  readonly output: { text: string };
  /** The exit code, once all output has arrived; `null` after a signal that it does not handle. */
  readonly ended: Promise<number | null>;
  /** Resolves with its URL once it listens. @throws Error with its output, where it ends instead */
  listening(): Promise<string>;
  /** Resolves once it has logged this. @throws Error with its output, where it ends before */
  logged(text: string): Promise<void>;
  /** Ends it at once, where it still runs. */
  kill(): Promise<void>;
}

/** @param program Default: the server of this version. */
export function forkBackend(
  env: NodeJS.ProcessEnv,
  program = projectFile("dist/backend/server.js"),
): BackendProcess {
  const child = fork(program, { env, silent: true });
  const output = { text: "" };
  const streams = [child.stdout, child.stderr].flatMap((stream) => stream ?? []);
  for (const stream of streams) {
    // The first listener: whoever looks later sees the chunk in the text.
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      output.text += chunk;
    });
  }
  // Not "close": it does not come after a disconnect.
  const exited = once(child, "exit");
  const ended = Promise.all([exited, ...streams.map((stream) => finished(stream))]).then(([[code]]) => code);
  const port = listeningPort(child);
  const elseEnded = ended.then(() => undefined);
  return {
    child,
    output,
    ended,
    listening: async () => {
      const found = await Promise.race([port, elseEnded]);
      if (found === undefined) throw new Error(`the backend did not start: ${output.text}`);
      return `http://127.0.0.1:${found}`;
    },
    logged: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (!output.text.includes(text)) return;
          for (const stream of streams) stream.off("data", look);
          resolve();
        };
        for (const stream of streams) stream.on("data", look);
        look();
        void ended.then(() => reject(new Error(`it ended without ${JSON.stringify(text)}: ${output.text}`)));
      }),
    kill: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/**
 * Starts it until it refuses to start. A start waits two seconds for its persistent Redis: one that has no answer by then says so,
 * and goes on without having asked it.
 * @returns the output of the one that was refused
 */
export async function refusedStart(env: NodeJS.ProcessEnv): Promise<string> {
  for (;;) {
    // So that what is asked has time, too.
    const started = forkBackend({ ...env, CACHE_BUDGET_MS: "10000" });
    const hasStarted = await started.listening().then(
      () => true,
      () => false,
    );
    if (!hasStarted) {
      assert.equal(await started.ended, 1);
      return started.output.text;
    }
    await started.kill();
    assert.match(started.output.text, /REDIS_URL\) cannot be reached/, "it has asked, and goes on");
  }
}
