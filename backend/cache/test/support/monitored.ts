// What Prometheus would make of an exposition: which of the shipped rules fire, and what the shipped board shows. By promtool.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { projectFile } from "../../../project-root.js";
import { findPromtool } from "../../../servers/find-monitoring.js";
import { Exposition } from "./exposition.js";

const run = promisify(execFile);
const MONITORING = projectFile("scripts", "compose", "monitoring");
const BOARD = path.join(MONITORING, "grafana", "dashboards", "express-tenant-cache.json");
/** What has been counted is counted once more in each; figures stay. */
const INTERVAL = "15s";
const AFTER = "25m";

/** @returns what promtool says where a query has another value; `undefined` where all have theirs */
export async function unlike(
  exposition: string,
  expected: readonly (readonly [query: string, value: number])[],
): Promise<string | undefined> {
  const folder = mkdtempSync(path.join(tmpdir(), "monitored-"));
  try {
    const file = path.join(folder, "test.yml");
    const input = {
      rule_files: [path.join(MONITORING, "rules.yml")],
      evaluation_interval: INTERVAL,
      tests: [
        {
          interval: INTERVAL,
          input_series: seriesOf(exposition),
          promql_expr_test: expected.map(([expr, value]) => ({
            expr,
            eval_time: AFTER,
            exp_samples: [{ labels: "{}", value }],
          })),
        },
      ],
    };
    // JSON is YAML, too.
    writeFileSync(file, JSON.stringify(input));
    await run(findPromtool(), ["test", "rules", file]);
    return undefined;
  } catch (error) {
    const { stdout = "", stderr = "" } = Object(error) as { stdout?: string; stderr?: string };
    return stdout + stderr || String(error);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function seriesOf(exposition: string) {
  const { series, types } = new Exposition(exposition);
  return series.flatMap(({ name, labels, value }) => {
    // Of histograms, which have none of their own name.
    if (!types.has(name)) return [];
    const all = Object.entries({ job: "crm", instance: "one", ...labels });
    const own = all.map(([label, text]) => `${label}="${text}"`).join(",");
    return [
      {
        series: `${name}{${own}}`,
        values: types.get(name) === "counter" ? `0+${value}x120` : `${value}x120`,
      },
    ];
  });
}

/** The first query of a panel of the board, as Prometheus gets it. */
export function panelQuery(title: string): string {
  const { panels } = JSON.parse(readFileSync(BOARD, "utf8")) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  const expr = panels.find((panel) => panel.title === title)?.targets?.[0]?.expr;
  if (expr === undefined) throw new Error(`the board has no panel ${title}`);
  return expr.replaceAll("$__rate_interval", "5m").replaceAll("$job", ".*");
}
