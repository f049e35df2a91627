// What the board and the rules ask for is there, in the exposition of a server process that has been used; Prometheus itself takes both, and an alert
// comes to Alertmanager and into the log, as its end does.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { until } from "../../servers/until.js";
import { signerKeyText } from "../../services/audit/signed-note.js";
import { LOG_KEY } from "../support/audit-log.js";
import { asSent, board, readQuery, rules, type Selector } from "../support/monitoring.js";
import { type MonitoringPrograms, startMonitoring } from "../support/monitoring-programs.js";
import {
  type OperatedCrm,
  type RunningBackend,
  startOperatedCrm,
  untilHits,
} from "../support/operated-crm.js";

const TOKEN = "a-token-of-prometheus";
/** Prometheus adds these itself. */
const OF_THE_SCRAPE = ["job", "instance"];

interface Series {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

function seriesOf(exposition: string): Series[] {
  return exposition.split("\n").flatMap((line) => {
    const [, name, inner = ""] = /^((?:etc|crm)_\w+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    const labels = Object.fromEntries(
      [...inner.matchAll(/(\w+)="([^"]*)"/g)].map(([, key, value]) => [key, value]),
    );
    return name === undefined ? [] : [{ name, labels }];
  });
}

describe("monitoring", () => {
  let crm: OperatedCrm;
  let secrets: string;
  let backend: RunningBackend;
  let programs: MonitoringPrograms;
  let series: Series[];

  const scrape = async (authorization = `Bearer ${TOKEN}`) =>
    fetch(`${backend.url}/metrics`, { headers: { authorization } });

  beforeAll(async () => {
    secrets = mkdtempSync(path.join(tmpdir(), "monitoring-secrets-"));
    crm = await startOperatedCrm({
      env: {
        METRICS_TOKEN: TOKEN,
        CACHE_STALENESS_PROBE_SECONDS: "1",
        // With them there is an audit trail.
        SUBJECT_WRAPPING_KEYS: `first:${randomBytes(32).toString("base64")}`,
        SUBJECT_SECRETS_FOLDER: path.join(secrets, "secrets"),
        AUDIT_SIGNING_KEY: signerKeyText(LOG_KEY),
        AUDIT_CHECKPOINT_DIR: path.join(secrets, "checkpoints"),
      },
    });
    backend = await crm.start();
    programs = await startMonitoring(backend.url, TOKEN);
    await crm.done("tenant", "create", "Example", "--admin", "you@example.com");
    const { token } = await crm.done("token", "issue", "--tenant", "Example", "--email", "you@example.com");
    await untilHits(token, "/api/accounts", [backend]);
    await backend.ask(token, "/api/accounts", { method: "POST", body: { name: "First Ltd" } });
    await untilHits(token, "/api/accounts", [backend]);
    await until("the server's report, the inventory, tenants and the probe", async () => {
      series = seriesOf(await (await scrape()).text());
      const names = new Set(series.map(({ name }) => name));
      return [
        "etc_server_memory_bytes",
        "etc_entries",
        "etc_tenant_bytes",
        "etc_staleness_probe_seconds",
      ].every((name) => names.has(name));
    });
  });
  afterAll(async () => {
    await programs?.stop();
    await crm?.close();
    rmSync(secrets, { recursive: true, force: true });
  });

  test("who has no token sees nothing", async () => {
    for (const wrong of ["", "Bearer wrong", `Basic ${TOKEN}`]) {
      const answer = await scrape(wrong);
      assert.equal(answer.status, 403);
      assert.doesNotMatch(await answer.text(), /etc_/);
    }
  });

  const recorded = new Set(rules().flatMap(({ record }) => record ?? []));
  /** What is missing of it in the exposition. */
  function missing({ metric, matchers }: Selector): string | undefined {
    if (metric === "up" || recorded.has(metric)) return undefined;
    const named = series.filter(({ name }) => name === metric);
    if (named.length === 0) return metric;
    for (const { label, operator, value } of matchers) {
      if (OF_THE_SCRAPE.includes(label)) continue;
      const values = named.flatMap(({ labels }) => labels[label] ?? []);
      const wanted = operator.startsWith("=") ? value.split("|") : [];
      if (values.length === 0) return `${metric}{${label}}`;
      for (const one of wanted) if (!values.includes(one)) return `${metric}{${label}="${one}"}`;
    }
    return undefined;
  }

  function problemsOf(query: string): string[] {
    const { selectors, grouping } = readQuery(query);
    assert.ok(selectors.length > 0, query);
    const known = new Set([...OF_THE_SCRAPE, ...series.flatMap(({ labels }) => Object.keys(labels))]);
    const problems = selectors.flatMap((selector) => missing(selector) ?? []);
    return [...problems, ...grouping.filter((label) => !known.has(label)).map((label) => `by (${label})`)];
  }

  test("every rule names what is there", () => {
    for (const { alert, record, expr } of rules()) assert.deepEqual(problemsOf(expr), [], alert ?? record);
  });

  test("every panel of the board names what is there, and says what it shows", () => {
    const { panels } = board();
    const shown = panels.flatMap(({ title, targets = [] }) =>
      targets.map((target) => ({ title, ...target })),
    );
    assert.ok(shown.length > 40, `${shown.length} queries`);
    for (const { title, expr, legendFormat } of shown) {
      assert.deepEqual(problemsOf(asSent(expr)), [], title);
      const { grouping } = readQuery(asSent(expr));
      for (const [, label = ""] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
        assert.ok(grouping.includes(label), `${title}: {{${label}}}`);
    }
  });

  test("what a query must not name is found", () => {
    assert.deepEqual(problemsOf('rate(etc_request_total{result="hit"}[5m])'), ["etc_request_total"]);
    assert.deepEqual(problemsOf('etc_requests_total{outcome="hit"}'), ["etc_requests_total{outcome}"]);
    assert.deepEqual(problemsOf('etc_requests_total{result="hits"}'), ['etc_requests_total{result="hits"}']);
    assert.deepEqual(problemsOf("sum by (modules) (etc_requests_total)"), ["by (modules)"]);
    assert.throws(() => problemsOf("sum by (module) (etc_requests_total"));
  });

  test("a board shows every figure that there is", () => {
    const asked = new Set(
      board().panels.flatMap(({ targets = [] }) =>
        targets.flatMap(({ expr }) => readQuery(asSent(expr)).selectors.map(({ metric }) => metric)),
      ),
    );
    const names = new Set(series.map(({ name }) => name.replace(/_(?:sum|count)$/, "_bucket")));
    const unasked = [...names].filter((name) => !asked.has(name));
    // What is read with another one, or by people.
    assert.deepEqual(unasked.sort(), [
      "crm_audit_alerts",
      "etc_inventory_complete",
      "etc_local_entries",
      "etc_server_clients",
    ]);
  });

  test("Prometheus scrapes it, and evaluates every rule and every query of the board", async () => {
    await until("a scrape", async () => {
      const { activeTargets } = await programs.prometheus("targets");
      return activeTargets.length === 1 && activeTargets[0]?.health === "up";
    });
    await until("an evaluation of each rule", async () => {
      const { groups } = await programs.prometheus("rules");
      const all = groups.flatMap((group) => group.rules);
      for (const { health, lastError, name } of all) assert.notEqual(health, "err", `${name}: ${lastError}`);
      return all.length === rules().length && all.every(({ health }) => health === "ok");
    });
    const queries = board().panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => asSent(expr)));
    const answers = await Promise.all(queries.map((query) => programs.prometheus("query", { query })));
    assert.equal(answers.length, queries.length);
    // A scrape each second: one that takes longer leaves a gap.
    await until("it is connected, as Prometheus has it", async () => {
      const { result } = await programs.prometheus("query", { query: 'etc_store_connected{job="crm"}' });
      return result.map(({ value }) => value[1]).join() === "1";
    });
  });

  test("an alert comes to Alertmanager and into the log when it begins, and goes when it ends", async () => {
    const isAlerted = async () =>
      (await programs.alerts()).find(({ labels }) => labels.alertname === "EtcReconnecting");
    assert.equal(await isAlerted(), undefined);
    await crm.cache.kill();
    // Who asks for health has the monitor look.
    const lookUntil = (text: string) =>
      until(text, async () => {
        await fetch(`${backend.url}/health`);
        return backend.process.output.text.includes(text);
      });
    await lookUntil("cache alert reconnecting: store away");
    let alert: Awaited<ReturnType<typeof isAlerted>>;
    await until("the alert", async () => {
      alert = await isAlerted();
      return alert !== undefined;
    });
    assert.equal(alert?.labels.job, "crm");
    assert.match(alert?.annotations.runbook_url ?? "", /runbook\.md#etcreconnecting$/);
    await crm.cache.restart();
    await lookUntil("cache alert reconnecting: over after");
    await until("no alert", async () => (await isAlerted()) === undefined);
  });
});
