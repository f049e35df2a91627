// Commands that go on until somebody ends them: steps at an interval, and connections that are lost for a while.
// Tests: test/integration/cli-live.test.ts
import { messageOf } from "../store/redis/error-messages.js";
import { delay, monotonicNow } from "../timers.js";
import type { Context } from "./context.js";
import { EXIT, exitCodeOf } from "./exit-codes.js";
import { isLost } from "./redis-access.js";

/** Longer than a failover takes, and a restart. */
const GIVE_UP_MS = 60_000;

/** Calls `answered` where it has heard of the target before it ends. */
export type Step = (answered: () => void) => Promise<"go on" | "done">;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Has a signal end the command as `q` does; a second one kills the process. Until what is returned is called. */
export function endOnSignals({ end }: Pick<Context, "end">): () => void {
  for (const signal of SIGNALS) process.once(signal, end);
  return () => {
    for (const signal of SIGNALS) process.off(signal, end);
  };
}

/**
 * Runs `step` at once and then each `intervalMs`, until the command is ended, or `step` says that it was the last
 * one. What is lost for less than a minute is told and tried again.
 */
export async function repeat(context: Context, intervalMs: number, step: Step): Promise<void> {
  const leave = endOnSignals(context);
  try {
    await repeated(context, intervalMs, step);
  } finally {
    leave();
  }
}

async function repeated({ output, ended }: Context, intervalMs: number, step: Step): Promise<void> {
  let lostAtMs: number | undefined;
  let hasAnswered = false;
  const answered = () => {
    if (lostAtMs !== undefined) output.warn("the connection is back");
    lostAtMs = undefined;
    hasAnswered = true;
  };
  while (!ended.aborted) {
    const startedMs = monotonicNow();
    try {
      const answer = await step(answered);
      answered();
      if (answer === "done") return;
    } catch (error) {
      // What was under way when the command was ended.
      if (ended.aborted) return;
      const reason = messageOf(error);
      const mayComeBack = isLost(reason) || exitCodeOf(error) === EXIT.unreachable;
      // What was never there is most likely somewhere else.
      if (!mayComeBack || !hasAnswered) throw error;
      if (lostAtMs === undefined)
        output.warn(`the connection is lost (${reason}); trying again for ${GIVE_UP_MS / 1000} s`);
      lostAtMs ??= startedMs;
      if (startedMs - lostAtMs > GIVE_UP_MS) throw error;
    }
    await pause(intervalMs - (monotonicNow() - startedMs), ended);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(Math.max(0, ms), undefined, { signal });
  } catch {
    // Ended while it waited.
  }
}
