// `doctor`: checks a Redis for what a cache on it needs, and says what to write where something is wrong.
// Tests: test/integration/cli-doctor.test.ts

import { wrap } from "../columns.js";
import type { Context } from "../context.js";
import { EXIT, type ExitCode } from "../exit-codes.js";
import { onRedis } from "../on-redis.js";
import type { Output, Style } from "../output.js";
import type { RedisAccess, RedisNode } from "../redis-access.js";
import type { RedisTarget } from "../redis-target.js";
import { type Finding, SEVERITIES, type Severity } from "./finding.js";
import { judgeServer } from "./judge-server.js";
import { judgeKeys } from "./other-keys.js";
import { readFacts, type ServerFacts } from "./server-facts.js";
import { judgeRights } from "./user-rights.js";

export interface DoctorOptions {
  readonly aclUser?: string | undefined;
}

const STYLES: Readonly<Record<Severity, Style>> = {
  error: "red",
  warning: "yellow",
  info: "cyan",
  ok: "green",
};

export async function runDoctor(
  context: Context,
  target: RedisTarget,
  { aclUser }: DoctorOptions,
): Promise<ExitCode> {
  const { output } = context;
  return onRedis(context, target, async (access) => {
    const { prefix } = target;
    const connectedAs = target.servers.options.username;
    const rights = { user: aclUser, connectedAs, prefix, isCluster: access.isCluster };
    const examined = await Promise.all(access.masters().map((node) => examine(node, access, rights)));
    const cluster = access.isCluster ? [await judgeCluster(access), ...access.absent.map(lost)] : [];
    const findings = [...cluster, ...connectionOf(target), ...examined.flatMap((each) => each.findings)];
    const [errors, warnings] = (["error", "warning"] as const).map(
      (severity) => findings.filter((each) => each.severity === severity).length,
    );
    output.json({
      target: target.name,
      prefix,
      at: new Date().toISOString(),
      nodes: examined.map(({ facts }) => figuresOf(facts)),
      findings: findings.map((each) => ({ means: null, write: null, ...each })),
      errors,
      warnings,
    });
    show(output, target, findings);
    output.line();
    output.line(`${plural(errors, "error")}, ${plural(warnings, "warning")}`);
    return errors || warnings ? EXIT.finding : EXIT.done;
  });
}

interface Examined {
  readonly facts: ServerFacts;
  readonly findings: readonly Finding[];
}

async function examine(
  node: RedisNode,
  { isCluster }: RedisAccess,
  rights: Parameters<typeof judgeRights>[1],
): Promise<Examined> {
  const facts = await readFacts(node);
  const allowed = await judgeRights(node, rights);
  const keys = await judgeKeys(node, rights.prefix);
  return { facts, findings: [...judgeServer(facts, isCluster), ...allowed, ...(keys ? [keys] : [])] };
}

function lost(address: string): Finding {
  return {
    id: "node",
    severity: "error",
    node: address,
    says: "does not answer, and slots are its own",
    means: "requests of the tenants in its slots go to their handlers until it, or a replica of it, answers",
    write: "start it, or on a replica of it: CLUSTER FAILOVER TAKEOVER",
  };
}

/** Whether all slots are served. */
async function judgeCluster(access: RedisAccess): Promise<Finding> {
  const masters = access.masters();
  const says = `Cluster, ${masters.length + access.absent.length} masters`;
  try {
    const info = String(await Promise.any(masters.map((node) => node.call("cluster", "info"))));
    const state = /^cluster_state:(\w+)/m.exec(info)?.[1];
    if (state === undefined || state === "ok") return { id: "cluster", severity: "ok", node: null, says };
    return {
      id: "cluster",
      severity: "error",
      node: null,
      says: `${says}, cluster_state is ${state}`,
      means: "slots are served by nobody: requests of the tenants in them go to their handlers",
      write: `redis-cli --cluster check ${masters[0]?.address}`,
    };
  } catch {
    // Told among the rights.
    return { id: "cluster", severity: "ok", node: null, says };
  }
}

function connectionOf({ servers }: RedisTarget): Finding[] {
  const { host, tls } = servers.options;
  const isNear = host === undefined || /^(localhost|127\.|::1$|0:0:0:0:0:0:0:1$)/.test(host);
  if (tls || isNear) return [];
  return [
    {
      id: "tls",
      severity: "info",
      node: null,
      says: "the connection is not encrypted",
      means: "whoever is on the way can read passwords and entries",
      write: "rediss:// where the server has TLS; the option encryption seals entries",
    },
  ];
}

function figuresOf({ address, info, latency, clock }: ServerFacts) {
  const figure = (name: string) => {
    const value = Number(info.get(name) ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  };
  return {
    address,
    version: info.get("valkey_version") ?? info.get("redis_version") ?? null,
    role: info.get("role") ?? null,
    runId: info.get("run_id") ?? null,
    maxmemoryPolicy: info.get("maxmemory_policy") ?? null,
    usedMemoryBytes: figure("used_memory"),
    maxMemoryBytes: figure("maxmemory"),
    fragmentationRatio: figure("mem_fragmentation_ratio"),
    evictedKeys: figure("evicted_keys"),
    connectedClients: figure("connected_clients"),
    latencyP50Ms: latency?.p50Ms ?? null,
    latencyP99Ms: latency?.p99Ms ?? null,
    clockAheadMs: clock?.aheadMs ?? null,
  };
}

function show(output: Output, { name, prefix }: RedisTarget, findings: readonly Finding[]): void {
  output.line(`${output.paint("bold", name)}${prefix === "" ? "" : `, prefix ${prefix}`}`);
  output.line();
  const hasSeveral = new Set(findings.map(({ node }) => node)).size > 2;
  const idWidth = Math.max(...findings.map(({ id }) => id.length));
  const ordered = [...findings].sort(
    (one, other) => SEVERITIES.indexOf(one.severity) - SEVERITIES.indexOf(other.severity),
  );
  const indent = 9 + idWidth + 2;
  const room = output.columns === undefined ? undefined : output.columns - indent;
  for (const { id, severity, node, says, means, write } of ordered) {
    const place = hasSeveral && node !== null ? `${node}: ` : "";
    const head = `${output.paint(STYLES[severity], severity.padEnd(7))}  ${id.padEnd(idWidth)}  `;
    const [first = "", ...more] = wrap(`${place}${says}`, room);
    output.line(`${head}${first}`);
    const write_ = write === undefined ? [] : wrap(`write: ${write}`, room);
    const below = [...more, ...(means === undefined ? [] : wrap(means, room)), ...write_];
    for (const line of below) output.line(`${" ".repeat(indent)}${output.paint("dim", line)}`);
  }
}

function plural(count: number | undefined, what: string): string {
  return `${count ?? 0} ${what}${count === 1 ? "" : "s"}`;
}
