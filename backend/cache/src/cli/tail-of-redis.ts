// `tail` of a Redis: what was made stale, by whom, as it happens.
// Tests: test/integration/cli-live.test.ts
import type { Cause } from "../engine/cause-text.js";
import { CauseFollower } from "./cause-follower.js";
import { causeJson, causeLine } from "./cause-line.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { repeat } from "./lasting.js";
import { onRedis } from "./on-redis.js";
import type { RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";

export interface TailOptions {
  readonly tenant?: string | undefined;
  readonly module?: string | undefined;
  /** Of what has been, before what comes. */
  readonly lines: number;
  readonly follow: boolean;
}

const POLL_MS = 500;

export async function runTailOfRedis(
  context: Context,
  target: RedisTarget,
  { tenant, module, lines, follow }: TailOptions,
): Promise<ExitCode> {
  const { output } = context;
  const work = async (access: RedisAccess): Promise<ExitCode> => {
    const follower = new CauseFollower(access, tenant);
    const isMeant = ({ everything, modules }: Cause) =>
      module === undefined || everything || modules.includes(module);
    const show = (causes: readonly Cause[]) => {
      for (const cause of causes.filter(isMeant)) {
        output.jsonLine(causeJson(cause));
        output.line(causeLine(output, cause));
      }
    };
    show(await follower.begin(lines));
    if (!follow) return EXIT.done;
    await repeat(context, POLL_MS, async () => {
      show(await follower.next());
      return "go on";
    });
    return EXIT.done;
  };
  return onRedis(context, target, work, true);
}
