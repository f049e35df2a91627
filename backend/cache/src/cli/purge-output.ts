// What a purge says, of a dry run and of one that was done: the same over a Redis and over an app.
// Tests: test/integration/cli-purge.test.ts
import { EXIT, type ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";
import { type PurgeScope, scopeText } from "./purge-scope.js";
import { bytesText, counted, millisecondsText, rateText } from "./quantities-text.js";

/** `null`: nobody has counted. */
export interface PurgePlan {
  readonly tenants: number | null;
  readonly entries: number | null;
  readonly bytes: number | null;
  /** False: what is purged is a part of these. */
  readonly isExact: boolean;
  /** Of what is purged, as an app counts them. */
  readonly hitsPerSecond: number | null;
}

export interface PurgeReport extends PurgePlan {
  readonly scope: PurgeScope;
  readonly dryRun: boolean;
  /** `null` of a dry run. */
  readonly confirmed: boolean | null;
  readonly reason: string | null;
  readonly tookMs: number | null;
}

/** What is known of one that is not done. */
export const DRY_RUN = { dryRun: true, confirmed: null, reason: null, tookMs: null } as const;

export function showPurge(output: Output, target: string, report: PurgeReport): ExitCode {
  const { scope, dryRun, confirmed, tookMs, reason } = report;
  output.json({ target, ...report });
  const much = muchText(report);
  if (dryRun) {
    output.line(`${output.paint("bold", "dry run")}: ${scopeText(scope)} on ${target}`);
    output.line(`  ${much}`);
    const load = loadText(report);
    if (load !== undefined) output.line(`  ${load}`);
    output.line('nothing was changed; to do it, add: --yes --reason "why"');
    return EXIT.done;
  }
  if (!confirmed) {
    output.warn(`not confirmed: ${scopeText(scope)} on ${target} may still be served; repeat the command`);
    return EXIT.finding;
  }
  output.line(`${output.paint("green", "purged")}: ${scopeText(scope)} on ${target}`);
  output.line(`  ${much}`);
  output.line(
    `  confirmed for every process after ${millisecondsText(tookMs ?? 0)}; reason: ${reason ?? "-"}`,
  );
  return EXIT.done;
}

function muchText({ entries, bytes, tenants, isExact }: PurgePlan): string {
  if (entries === null) return "how many entries that is could not be counted";
  const of = tenants === null || tenants === 1 ? "" : `, of ${counted(tenants, "tenant")}`;
  return `${isExact ? "" : "a part of "}${counted(entries, "entry", "entries")}, ${bytesText(bytes)}${of}`;
}

/** What handlers have to expect. */
function loadText({ entries, hitsPerSecond }: PurgePlan): string | undefined {
  if (!entries) return undefined;
  const rate =
    hitsPerSecond === null ? "" : `; ${rateText(hitsPerSecond)} hits a second wait for them at first`;
  return `at most ${counted(entries, "handler run")} more, as they are asked for again${rate}`;
}
