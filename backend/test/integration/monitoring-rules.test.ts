// The alerts: each fires for a series and does not for another, by promtool, and each has a section of the runbook.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { describe, test } from "@jest/globals";
import { projectFile } from "../../project-root.js";
import { readComposeFile } from "../../servers/compose.js";
import { findPromtool } from "../../servers/find-monitoring.js";
import { afterTest } from "../../servers/in-test.js";
import { MONITORING, RULE_FILES, readYaml, rules } from "../support/monitoring.js";

const run = promisify(execFile);
const RULE_TESTS = ["rules.test.yml", "rules-slow.test.yml", "crm-rules.test.yml"];
const alerts = rules().flatMap(({ alert }) => alert ?? []);

/** What promtool says, and whether it is content. */
async function promtool(cwd: string, ...args: string[]) {
  return run(findPromtool(), args, { cwd }).then(
    ({ stdout, stderr }) => ({ isContent: true, said: stdout + stderr }),
    (error: { stdout: string; stderr: string }) => ({ isContent: false, said: error.stdout + error.stderr }),
  );
}

describe("the rules", () => {
  test("are valid, and every alert fires for its series and not for the others", async () => {
    const checked = await promtool(MONITORING, "check", "rules", ...RULE_FILES);
    assert.ok(checked.isContent, checked.said);
    const tested = await promtool(MONITORING, "test", "rules", ...RULE_TESTS);
    assert.ok(tested.isContent, tested.said);
  });

  test("every alert has a case that fires it and one that does not", () => {
    const cases = RULE_TESTS.flatMap((name) => (readYaml(name) as { tests: { name: string }[] }).tests);
    const names = cases.map(({ name }) => name).sort();
    const wanted = alerts.flatMap((alert) => [`${alert} does not fire`, `${alert} fires`]);
    assert.deepEqual(names, wanted.sort());
  });

  test("a threshold that is changed is found", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "rules-"));
    afterTest(() => rmSync(folder, { recursive: true }));
    cpSync(MONITORING, folder, { recursive: true });
    let text = readFileSync(`${MONITORING}/rules.yml`, "utf8");
    const changes = {
      EtcWithoutTenant: ["[10m])) > 0.5", "[10m])) > 0.9"],
      EtcLatencyHigh: ["histogram_quantile(0.95", "histogram_quantile(0.1"],
      EtcDown: ['up{job="crm"} == 0', "up == 0"],
    } as const;
    for (const [from, to] of Object.values(changes)) {
      assert.ok(text.includes(from), from);
      text = text.replace(from, to);
    }
    writeFileSync(`${folder}/rules.yml`, text);
    const { isContent, said } = await promtool(folder, "test", "rules", "rules.test.yml");
    assert.ok(!isContent);
    const told = [...said.matchAll(/alertname=\\?"(\w+)/g)].map(([, name]) => name);
    assert.deepEqual([...new Set(told)].sort(), Object.keys(changes).sort(), said);
  });

  test("budgets burn 14.4, 6 and 1 times too fast, over a long and a short window each", () => {
    for (const [sli, budget] of [
      ["freshness", "0.001"],
      ["availability", "0.005"],
    ] as const) {
      const exprs = rules().flatMap(({ alert, expr }) =>
        alert?.toLowerCase().startsWith(`etc${sli}burn`) ? [expr] : [],
      );
      const read = exprs.map((expr) =>
        [...expr.matchAll(/ratio_rate(\w+) > ([\d.]+) \* ([\d.]+)/g)].map(([, window, factor, of]) => [
          window,
          factor,
          of,
        ]),
      );
      assert.deepEqual(read, [
        [
          ["1h", "14.4", budget],
          ["5m", "14.4", budget],
        ],
        [
          ["6h", "6", budget],
          ["30m", "6", budget],
        ],
        [
          ["3d", "1", budget],
          ["6h", "1", budget],
        ],
      ]);
    }
  });

  test("every alert has a section of the runbook, which its link leads to, and no section has no alert", () => {
    const page = readFileSync(projectFile("docs", "operate", "runbook.md"), "utf8");
    const sections = [...page.matchAll(/^## ((?:Etc|Crm)\w+)$/gm)].map(([, name]) => name);
    assert.deepEqual([...sections].sort(), [...alerts].sort());
    for (const { alert, annotations, labels } of rules()) {
      if (alert === undefined) continue;
      assert.ok(annotations?.runbook_url?.endsWith(`/docs/operate/runbook.md#${alert.toLowerCase()}`), alert);
      assert.match(labels?.severity ?? "", /^(?:page|ticket)$/, alert);
      assert.ok(annotations?.summary && annotations.description, alert);
    }
  });
});

describe("the files of the profile", () => {
  test("Prometheus takes its configuration, with the rules and the token where Compose puts them", async () => {
    const folder = mkdtempSync(path.join(tmpdir(), "prometheus-"));
    afterTest(() => rmSync(folder, { recursive: true }));
    const { services } = readComposeFile();
    const mounted = new Map(
      (services.prometheus?.volumes ?? []).map(
        (volume) => volume.split(":").slice(0, 2).reverse() as [string, string],
      ),
    );
    const text = readFileSync(`${MONITORING}/prometheus.yml`, "utf8");
    let here = text.replace("/run/secrets/metrics-token", `${folder}/token`);
    for (const name of RULE_FILES) {
      const rulesAt = `/etc/prometheus/${name}`;
      assert.ok(text.includes(rulesAt) && mounted.get(rulesAt)?.endsWith(`/${name}`), name);
      here = here.replace(rulesAt, `${MONITORING}/${name}`);
    }
    assert.ok(text.includes("/run/secrets/metrics-token"));
    writeFileSync(`${folder}/token`, "token");
    writeFileSync(`${folder}/prometheus.yml`, here);
    const { isContent, said } = await promtool(folder, "check", "config", "prometheus.yml");
    assert.ok(isContent, said);
  });

  test("everything that is mounted is there", () => {
    const { services } = readComposeFile();
    const sources = ["prometheus", "alertmanager", "grafana"].flatMap(
      (name) => services[name]?.volumes ?? [],
    );
    const files = sources
      .map((volume) => volume.split(":", 1)[0] ?? "")
      .filter((source) => source.startsWith("./"));
    assert.ok(files.length >= 5);
    for (const file of files) assert.ok(existsSync(projectFile(file)), file);
  });

  test("alerts of a store that is away silence what follows from it, by names that exist", () => {
    const { inhibit_rules, receivers, route } = readYaml("alertmanager.yml") as {
      inhibit_rules: { source_matchers: string[]; target_matchers: string[] }[];
      receivers: { name: string }[];
      route: { receiver: string };
    };
    assert.ok(receivers.some(({ name }) => name === route.receiver));
    for (const { source_matchers, target_matchers } of inhibit_rules) {
      for (const matcher of [...source_matchers, ...target_matchers]) {
        const value = /^alertname =~? "?([^"]+)"?$/.exec(matcher)?.[1] ?? "";
        for (const pattern of value.split("|"))
          assert.ok(
            alerts.some((alert) => new RegExp(`^${pattern}$`).test(alert)),
            pattern,
          );
      }
    }
  });
});
