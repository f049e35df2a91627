// `stats` of a Redis: what is stored, by tenant and module, and how the server is.
// Tests: test/integration/cli-redis.test.ts
import { printable } from "../printable.js";
import { messageOf } from "../store/redis/error-messages.js";
import { reportServer } from "../store/redis/redis-report.js";
import type { ServerReport } from "../store/store-report.js";
import { table } from "./columns.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode, refused } from "./exit-codes.js";
import { lookAtRedis } from "./on-redis.js";
import type { Output } from "./output.js";
import { bytesText, counted, countText, durationText, percentText } from "./quantities-text.js";
import { isForbidden, type RedisAccess } from "./redis-access.js";
import type { RedisTarget } from "./redis-target.js";
import { holdingsOf, type TenantHolding, tenantsOf } from "./tenant-holdings.js";

export interface StatsOptions {
  readonly tenant?: string | undefined;
  readonly limit: number;
}

export interface StoredOfAll {
  readonly tenants: readonly TenantHolding[];
  /** False where there are more tenants than were asked for. */
  readonly complete: boolean;
}

export async function runStatsOfRedis(
  context: Context,
  target: RedisTarget,
  { tenant, limit }: StatsOptions,
): Promise<ExitCode> {
  const { output } = context;
  return lookAtRedis(context, target, async (access) => {
    const server = await allowed(output, "figures of the server", () => reportServer(access.client));
    const stored = await allowed(output, "what is stored", () =>
      tenant === undefined ? readStored(access, limit) : ofOne(access, tenant),
    );
    if (!server && !stored)
      throw refused(
        `${target.name} shows this user nothing: express-tenant-cache doctor tells what is missing`,
      );
    const sums = stored && sumOf(stored.tenants);
    output.json({
      target: target.name,
      prefix: target.prefix,
      server: server ?? null,
      totals: sums ?? null,
      tenants:
        stored && Object.fromEntries(stored.tenants.map(({ tenant: id, ...held }) => [id, keyed(held)])),
      complete: stored?.complete ?? false,
    });
    show(output, target, server, stored);
    return EXIT.done;
  });
}

export async function readStored(access: RedisAccess, limit: number): Promise<StoredOfAll> {
  const found: string[] = [];
  for await (const page of tenantsOf(access)) {
    found.push(...page);
    if (found.length > limit) break;
  }
  return { tenants: await holdingsOf(access, found.slice(0, limit)), complete: found.length <= limit };
}

async function ofOne(access: RedisAccess, tenant: string): Promise<StoredOfAll> {
  return { tenants: await holdingsOf(access, [tenant]), complete: true };
}

/** What this user may not see is told, and all else is shown. */
async function allowed<T>(output: Output, what: string, read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    const reason = messageOf(error);
    if (!isForbidden(reason)) throw error;
    output.warn(`${what} cannot be shown: ${reason}`);
    return undefined;
  }
}

export function sumOf(tenants: readonly TenantHolding[]): {
  tenants: number;
  entries: number;
  bytes: number;
} {
  const held = tenants.filter(({ entries }) => entries > 0);
  return {
    tenants: held.length,
    entries: held.reduce((sum, { entries }) => sum + entries, 0),
    bytes: held.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function keyed({ modules, ...held }: Omit<TenantHolding, "tenant">) {
  return {
    ...held,
    modules: Object.fromEntries(modules.map(({ module, ...figures }) => [module, figures])),
  };
}

function show(
  output: Output,
  { name, prefix }: RedisTarget,
  server: ServerReport | undefined,
  stored: StoredOfAll | undefined,
): void {
  output.line(`${output.paint("bold", name)}${prefix === "" ? "" : `, prefix ${prefix}`}`);
  if (server) for (const [label, text] of serverLines(server)) output.line(`${label.padEnd(10)}${text}`);
  if (!stored) return;
  const { tenants, entries, bytes } = sumOf(stored.tenants);
  output.line(
    `${"stored".padEnd(10)}${counted(entries, "entry", "entries")} of ${counted(tenants, "tenant")}, ${bytesText(bytes)}`,
  );
  const rows = [...stored.tenants]
    .sort((one, other) => other.bytes - one.bytes)
    .flatMap(({ tenant, modules }) =>
      modules.map((held) => [
        printable(tenant),
        printable(held.module),
        countText(held.entries),
        bytesText(held.bytes),
      ]),
    );
  if (rows.length > 0) {
    output.line();
    const columns = [
      { title: "tenant" },
      { title: "module" },
      { title: "entries", isFigure: true },
      { title: "bytes", isFigure: true },
    ];
    for (const line of table(columns, rows, output.columns)) output.line(line);
  }
  if (!stored.complete) output.warn("there are more tenants: --limit shows more of them");
}

function serverLines(server: ServerReport): [label: string, text: string][] {
  const { usedMemoryBytes: used, maxMemoryBytes: most, keyspaceHits: hits, keyspaceMisses: misses } = server;
  const share = most ? ` of ${bytesText(most)} (${percentText((used ?? 0) / most)})` : ", without a bound";
  const asked = (hits ?? 0) + (misses ?? 0);
  return [
    [
      "server",
      `${server.version ?? "unknown"}, up ${durationText(server.uptimeSeconds)}, ${counted(server.connectedClients, "client")}`,
    ],
    ["memory", `${bytesText(used)}${share}`],
    [
      "keys",
      `${countText(server.keys)}, ${countText(server.evictedKeys)} evicted, ${countText(server.expiredKeys)} expired`,
    ],
    [
      "looked up",
      asked === 0
        ? "nothing yet"
        : `${percentText((hits ?? 0) / asked)} of keys were there (all keys, not the hit ratio)`,
    ],
  ];
}
