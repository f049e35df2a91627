// Prometheus and Alertmanager as processes of a test, with the files of the Compose profile: only addresses are others, and times are shorter.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { findAlertmanager, findPrometheus } from "../../servers/find-monitoring.js";
import { guardChild } from "../../servers/guard.js";
import { MONITORING, RULE_FILES } from "./monitoring.js";

interface Program {
  readonly url: string;
  readonly child: ChildProcess;
}

/** What the HTTP API of Prometheus answers each call with. */
interface PrometheusAnswers {
  readonly targets: { readonly activeTargets: readonly { readonly health: string }[] };
  readonly rules: {
    readonly groups: readonly {
      readonly rules: readonly {
        readonly name: string;
        readonly health: string;
        readonly lastError?: string;
      }[];
    }[];
  };
  readonly query: {
    readonly result: readonly { readonly value: readonly [atSeconds: number, value: string] }[];
  };
}

export interface MonitoringPrograms {
  /** @throws AssertionError where Prometheus refuses */
  prometheus<Call extends keyof PrometheusAnswers>(
    call: Call,
    query?: Readonly<Record<string, string>>,
  ): Promise<PrometheusAnswers[Call]>;
  /** Alerts that Alertmanager has. */
  alerts(): Promise<
    readonly { readonly labels: Record<string, string>; readonly annotations: Record<string, string> }[]
  >;
  stop(): Promise<void>;
}

/** @param backend the URL of a process to scrape; whoever bears the token may */
export async function startMonitoring(backend: string, token: string): Promise<MonitoringPrograms> {
  const folder = mkdtempSync(path.join(tmpdir(), "monitoring-"));
  const started: Program[] = [];
  const stop = async () => {
    await Promise.all(started.map(({ child }) => end(child)));
    rmSync(folder, { recursive: true, force: true });
  };
  const start = async (program: string, args: readonly string[]) => {
    const all = [...args, "--web.listen-address=127.0.0.1:0"];
    const one = await listening(spawn(program, all, { stdio: ["ignore", "pipe", "pipe"] }), program, folder);
    started.push(one);
    return one.url;
  };
  try {
    const alertmanager = await start(findAlertmanager(), [
      `--config.file=${MONITORING}/alertmanager.yml`,
      `--storage.path=${folder}/alertmanager`,
      "--cluster.listen-address=",
    ]);
    writeFileSync(`${folder}/token`, token);
    for (const name of RULE_FILES)
      writeFileSync(`${folder}/${name}`, soon(readFileSync(`${MONITORING}/${name}`, "utf8")));
    const config = replaced(soon(readFileSync(`${MONITORING}/prometheus.yml`, "utf8")), {
      "/etc/prometheus/": `${folder}/`,
      "/run/secrets/metrics-token": `${folder}/token`,
      "alertmanager:9093": new URL(alertmanager).host,
      "backend:4001": new URL(backend).host,
    });
    writeFileSync(`${folder}/prometheus.yml`, config);
    const prometheus = await start(findPrometheus(), [
      `--config.file=${folder}/prometheus.yml`,
      `--storage.tsdb.path=${folder}/prometheus`,
    ]);
    return {
      prometheus: async (call, query = {}) => {
        const answer = await fetch(`${prometheus}/api/v1/${call}?${new URLSearchParams(query)}`);
        const { status, data, error } = (await answer.json()) as {
          readonly status: string;
          readonly data: PrometheusAnswers[typeof call];
          readonly error?: string;
        };
        assert.equal(status, "success", `${call} ${JSON.stringify(query)}: ${error}`);
        return data;
      },
      alerts: async () =>
        (await (await fetch(`${alertmanager}/api/v2/alerts`)).json()) as Awaited<
          ReturnType<MonitoringPrograms["alerts"]>
        >,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What takes a quarter of a minute, or several, takes a second. */
function soon(text: string): string {
  return text.replaceAll(/((?:scrape_interval|evaluation_interval|\bfor): )\d+[smh]$/gm, "$11s");
}

function replaced(text: string, values: Readonly<Record<string, string>>): string {
  return Object.entries(values).reduce((sofar, [from, to]) => {
    assert.ok(sofar.includes(from), `prometheus.yml has ${from}`);
    return sofar.replaceAll(from, to);
  }, text);
}

/** @throws Error with its output, where it ends instead */
async function listening(child: ChildProcess, program: string, folder: string): Promise<Program> {
  if (child.pid !== undefined) child.once("exit", guardChild(child.pid, "SIGKILL", [folder]));
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding("utf8").on("data", (chunk: string) => {
        // Read to the end: it would wait for a reader.
        if (output.length < 100_000) output += chunk;
        const [, host] = /"Listening on".*?address=(127\.0\.0\.1:\d+)/.exec(output) ?? [];
        if (host !== undefined) resolve(`http://${host}`);
      });
    child.once("error", reject);
    child.once("exit", () => reject(new Error(`${program} has ended: ${output}`)));
  });
  return { url, child };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
