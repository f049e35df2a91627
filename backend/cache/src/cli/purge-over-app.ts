// `purge` over an app: a plan, and with `--yes` what was planned. The app counts, confirms and puts it on record.
// Tests: test/integration/cli-app.test.ts
import { AppClient, PlanUnknown } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import type { Context } from "./context.js";
import { type ExitCode, refused } from "./exit-codes.js";
import { DRY_RUN, showPurge } from "./purge-output.js";
import { type PurgeOptions, type PurgeScope, purgeScope } from "./purge-scope.js";

interface Plan {
  readonly plan: string;
  readonly entries: number | null;
  readonly bytes: number | null;
  readonly isExact: boolean;
  readonly hitsPerSecond: number;
}

interface Result {
  readonly confirmed: boolean;
  readonly tookMs: number;
}

/** Behind a balancer each process knows its own plans: one of these attempts meets the same process twice. */
const ATTEMPTS = 10;

export async function runPurgeOverApp(
  context: Context,
  target: AppTarget,
  options: PurgeOptions,
): Promise<ExitCode> {
  const { output } = context;
  const scope = purgeScope(options);
  const reason = options.reason?.trim();
  // A dry run wants a reason as well, and keeps none.
  const request = { ...requestOf(scope), reason: reason ?? "dry run" };
  const client = new AppClient(target, context);
  for (let attempt = 1; ; attempt++) {
    const { data: planned } = await client.post<Plan>("purge", request);
    const { plan: signed, entries, bytes, isExact, hitsPerSecond } = planned;
    const plan = { tenants: null, entries, bytes, isExact, hitsPerSecond };
    if (!options.yes) return showPurge(output, target.name, { scope, ...plan, ...DRY_RUN });
    try {
      const { data } = await client.post<Result>("purge", { ...request, plan: signed });
      return showPurge(output, target.name, {
        scope,
        dryRun: false,
        ...plan,
        confirmed: data.confirmed,
        reason: reason ?? null,
        tookMs: data.tookMs,
      });
    } catch (error) {
      if (!(error instanceof PlanUnknown)) throw error;
      if (attempt >= ATTEMPTS)
        throw refused(
          `${target.name} does not know its own plan (${error.message}): point --app at one process`,
        );
    }
  }
}

/** As the operations route names them. */
function requestOf(scope: PurgeScope): object {
  const names = "modules" in scope ? scope.modules : "tags" in scope ? scope.tags : undefined;
  return {
    scope: scope.kind,
    ...("tenant" in scope && { tenant: scope.tenant }),
    ...(names && { names }),
    // The operations route takes a path: an entry is of all hosts.
    ...("url" in scope && { url: scope.url.replace(/^https?:\/\/[^/]+/i, "") }),
  };
}
