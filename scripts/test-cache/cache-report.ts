// The result: as tables for people, as JSON for programs.
import Table from "cli-table3";
import type { Timing } from "./measure.js";
import type { ModuleReport } from "./run-probes.js";

export interface Report {
  readonly url: string;
  /** Of each kind, for each module. */
  readonly requests: number;
  /** Whether no check failed. */
  readonly ok: boolean;
  readonly modules: readonly ModuleReport[];
}

export function makeReport(url: string, requests: number, modules: readonly ModuleReport[]): Report {
  const ok = modules.every(({ checks }) => checks.every(({ result }) => result !== "failed"));
  return { url, requests, ok, modules };
}

/** A table of times and the list of checks for each module, and one line that sums up. */
export function formatReport({ url, requests, modules }: Report): string {
  const head = `${url}, ${requests} requests of each kind, one at a time`;
  return [head, ...modules.map(formatModule), summary(modules)].join("\n\n");
}

function formatModule({ module, measurement, checks }: ModuleReport): string {
  const { uncached, first, cached, speedUp } = measurement;
  const table = new Table({
    head: [module, "median ms", "p95 ms", "speed-up"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  const row = (name: string, timing: Timing, factor = "") =>
    table.push([name, timing.medianMs.toFixed(2), timing.p95Ms.toFixed(2), factor]);
  row("uncached", uncached);
  row("first", first);
  row("cached", cached, `${speedUp.toFixed(1)} x`);
  const lines = checks.map(({ name, result, detail }) => {
    const label = result === "failed" ? "FAILED" : result;
    return `  ${label.padEnd(LABEL_WIDTH)} ${name}${detail && `: ${detail}`}`;
  });
  return [table.toString(), ...lines].join("\n");
}

const LABEL_WIDTH = "not checked".length;

function summary(modules: readonly ModuleReport[]): string {
  const results = modules.flatMap(({ checks }) => checks.map(({ result }) => result));
  const count = (wanted: string) => results.filter((result) => result === wanted).length;
  const open = count("not checked");
  return `${count("ok")} ok, ${count("failed")} failed${open > 0 ? `, ${open} not checked` : ""}`;
}
