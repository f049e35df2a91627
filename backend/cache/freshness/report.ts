// What a run says of itself, and whether it passed.

import { formatExplained } from "./explain.js";
import { FAULT_NAMES, FAULTS, type FaultName } from "./faults.js";
import { PROTECTIONS } from "./protections.js";
import type { StageReport } from "./run-stage.js";

/**
 * Passed: with all protections on, no violation and every request answered; with one off, at least one
 * violation.
 */
export function hasPassed({ without, violations, counts }: StageReport): boolean {
  return without ? violations > 0 : violations === 0 && counts.failed === 0;
}

export function formatReport(report: StageReport): string {
  const { stage, without, seconds, counts, judged, contested, excused, violations } = report;
  const done = (name: FaultName) => report.faults.filter((fault) => fault.name === name).length;
  const faults = FAULT_NAMES.filter((name) => done(name) > 0).map(
    (name) => `${done(name)} × ${FAULTS[name]}`,
  );
  const lines = [
    `${hasPassed(report) ? "passed" : "FAILED"}: ${stage.name}, ${seconds.toFixed(1)} s`,
    `  operations  ${n(counts.reads)} reads, ${n(counts.writes)} writes (${n(counts.deferred)} deferred, ${n(counts.refused)} refused); ${n(counts.lost)} lost with a killed backend, ${n(counts.failed)} failed`,
    `  hits        ${n(counts.hits)} (${percent(counts.hits, counts.reads)} of reads), ${n(counts.stale)} past their TTL; ${n(counts.notModified)} not modified, ${n(counts.collapsed)} collapsed, ${n(counts.bypassed)} bypassed`,
    `  contested   ${n(contested)} reads began within 100 ms of the answer to a write of what they show`,
    `  faults      ${faults.join(", ") || "none"}`,
    `  excused     ${n(excused)}${excused > 0 ? `, the last ${n(Math.round(report.longestExcusedMs))} ms after the answer to its write` : ""}`,
    `  violations  ${n(violations)}${verdict(report, judged - excused)}`,
    ...report.explained.flatMap((explained) => formatExplained(explained, report)),
  ];
  if (without) lines.splice(1, 0, `  without     ${without}: ${PROTECTIONS[without].says}`);
  return lines.join("\n");
}

/** The rule of three: nothing in n trials bounds the rate below 3/n with 95 % confidence. */
export function formatBound(reads: number): string {
  return `no violation in ${n(reads)} reads: with 95 % confidence fewer than ${(3 / reads).toExponential(1)} of reads (3/n)`;
}

function verdict({ without, violations }: StageReport, reads: number): string {
  if (without) return violations > 0 ? `: caught in ${n(reads)} reads` : ": NOT CAUGHT";
  return violations === 0 && reads > 0 ? `; ${formatBound(reads)}` : "";
}

function n(count: number): string {
  return count.toLocaleString("en");
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}
