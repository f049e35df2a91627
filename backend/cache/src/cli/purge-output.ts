// What a purge says, of a dry run and of one that was done: the same over a Redis and over an app.
// Tests: test/integration/cli-purge.test.ts
import { EXIT, type ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";
import { type PurgeScope, scopeText } from "./purge-scope.js";
import { bytesText, countText, millisecondsText } from "./quantities-text.js";

/** `null`: nobody has counted. */
export interface PurgePlan {
  readonly tenants: number | null;
  readonly entries: number | null;
  readonly bytes: number | null;
}

export interface PurgeReport extends PurgePlan {
  readonly scope: PurgeScope;
  readonly dryRun: boolean;
  /** `null` of a dry run. */
  readonly confirmed: boolean | null;
  readonly reason: string | null;
  readonly tookMs: number | null;
}

export function showPurge(output: Output, target: string, report: PurgeReport): ExitCode {
  const { scope, dryRun, confirmed, entries, bytes, tenants, tookMs, reason } = report;
  output.json({ target, ...report });
  const much =
    entries === null
      ? "how many entries carry it is not listed anywhere"
      : `${countText(entries)} entries, ${bytesText(bytes)}${tenants === null || tenants === 1 ? "" : `, of ${countText(tenants)} tenants`}`;
  if (dryRun) {
    output.line(`${output.paint("bold", "dry run")}: ${scopeText(scope)} on ${target}`);
    output.line(`  ${much}`);
    if (entries !== null && entries > 0)
      output.line(`  at most ${countText(entries)} handler runs more, as they are asked for again`);
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
