// What scripts/compose/monitoring holds, as data: alerts, the board, and what their queries name.
import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { parse } from "yaml";
import { projectFile } from "../../project-root.js";

export const MONITORING = projectFile("scripts", "compose", "monitoring");

export interface Rule {
  readonly alert?: string;
  readonly record?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function readYaml(name: string): unknown {
  return parse(readFileSync(`${MONITORING}/${name}`, "utf8"));
}

/** Those of the cache, which other apps take as they are, and the CRM's own. */
export const RULE_FILES = ["rules.yml", "crm-rules.yml"] as const;

export function rules(): readonly Rule[] {
  return RULE_FILES.flatMap((name) => {
    const { groups } = readYaml(name) as { groups: { rules: Rule[] }[] };
    return groups.flatMap((group) => group.rules);
  });
}

interface Panel {
  readonly title: string;
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[];
}
export interface Board {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string }[] };
}

export function board(): Board {
  return JSON.parse(readFileSync(`${MONITORING}/grafana/dashboards/express-tenant-cache.json`, "utf8"));
}

/** A query of the board as Prometheus gets it. */
export function asSent(expr: string): string {
  return expr.replaceAll("$__rate_interval", "1m").replaceAll("$job", ".*");
}

export interface Selector {
  readonly metric: string;
  /** Names of the labels that must match, with how. */
  readonly matchers: readonly { readonly label: string; readonly operator: string; readonly value: string }[];
}

export interface ReadQuery {
  readonly selectors: readonly Selector[];
  /** Labels that are grouped by. */
  readonly grouping: readonly string[];
}

/** By Prometheus's own grammar. @throws Error where the query is none */
export function readQuery(query: string): ReadQuery {
  const selectors: Selector[] = [];
  const grouping: string[] = [];
  const cursor = parser.parse(query).cursor();
  const textOf = (at: { from: number; to: number }) => query.slice(at.from, at.to);
  do {
    if (cursor.type.isError) throw new Error(`no PromQL at ${cursor.from}: ${query}`);
    if (cursor.name === "GroupingLabels")
      for (const label of cursor.node.getChildren("LabelName")) grouping.push(textOf(label));
    if (cursor.name !== "VectorSelector") continue;
    const name = cursor.node.getChild("Identifier");
    const list = cursor.node.getChild("LabelMatchers");
    const matchers = (list?.getChildren("UnquotedLabelMatcher") ?? []).map((matcher) => {
      const [, label = "", operator = "", value = ""] =
        /^(\w+)\s*(=~|!~|!=|=)\s*"(.*)"$/s.exec(textOf(matcher)) ?? [];
      if (label === "") throw new Error(`no matcher: ${textOf(matcher)}`);
      return { label, operator, value };
    });
    selectors.push({ metric: name ? textOf(name) : "", matchers });
  } while (cursor.next());
  return { selectors, grouping };
}
