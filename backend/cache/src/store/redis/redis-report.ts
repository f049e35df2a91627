// What Redis says of itself and of the entries it holds, for the stats report.
// Tests: test/integration/monitor.test.ts
import { monotonicNow } from "../../timers.js";
import type { KeySpace } from "../key-space.js";
import type {
  Inventory,
  InventoryFilter,
  InventoryRow,
  KeyspaceFigures,
  ServerReport,
} from "../store-report.js";
import type { BookRepairs } from "./book-repairs.js";
import { mastersOf, scanKeys } from "./keyspace-scan.js";
import type { RedisClient } from "./redis-client.js";
import { BRISK, HURRIED, PacedSteps } from "./server-pace.js";
import type { Servers } from "./servers.js";

/** Figures of the server, or their sums over the masters of a Cluster. */
export async function reportServer(client: RedisClient): Promise<ServerReport> {
  const nodes = mastersOf(client);
  const reports = await Promise.all(nodes.map(reportNode));
  const sum = (pick: (report: ServerReport) => number | null) =>
    reports.reduce((total, report) => total + (pick(report) ?? 0), 0);
  return {
    version: reports[0]?.version ?? null,
    usedMemoryBytes: sum((report) => report.usedMemoryBytes),
    maxMemoryBytes: sum((report) => report.maxMemoryBytes),
    evictedKeys: sum((report) => report.evictedKeys),
    expiredKeys: sum((report) => report.expiredKeys),
    keys: sum((report) => report.keys),
    uptimeSeconds: reports[0]?.uptimeSeconds ?? null,
    connectedClients: sum((report) => report.connectedClients),
    // Of the node that fares worst.
    fragmentationRatio: Math.max(...reports.map((report) => report.fragmentationRatio ?? 0)),
    commandsProcessed: sum((report) => report.commandsProcessed),
    keyspaceHits: sum((report) => report.keyspaceHits),
    keyspaceMisses: sum((report) => report.keyspaceMisses),
    keyspace: addKeyspaces(reports.map((report) => report.keyspace ?? {})),
  };
}

/** Of a walk, or of an index: what the server answers well within a millisecond. */
const PAGE_KEYS = 1000;
const WITHIN_MS = { awaited: 5000, unawaited: 60_000 };
/** A thousand commands and their replies at once would hold this process's requests up for ten milliseconds. */
const SIZES_TOGETHER = 100;

function addKeyspaces(
  keyspaces: readonly Readonly<Record<string, KeyspaceFigures>>[],
): Record<string, KeyspaceFigures> {
  const total: Record<string, KeyspaceFigures> = {};
  for (const [database, { keys, expires }] of keyspaces.flatMap((keyspace) => Object.entries(keyspace))) {
    const before = total[database] ?? { keys: 0, expires: 0 };
    total[database] = { keys: before.keys + keys, expires: before.expires + expires };
  }
  return total;
}

async function reportNode(node: RedisClient): Promise<ServerReport> {
  const [server, memory, stats, clients, keyspace, keys] = await Promise.all([
    node.info("server"),
    node.info("memory"),
    node.info("stats"),
    node.info("clients"),
    node.info("keyspace"),
    node.dbsize(),
  ]);
  const info = `${server}\n${memory}\n${stats}\n${clients}`;
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? null;
  const count = (name: string) => {
    const value = field(name);
    return value === null ? null : Number(value);
  };
  return {
    version: field("valkey_version") ?? field("redis_version"),
    usedMemoryBytes: count("used_memory"),
    maxMemoryBytes: count("maxmemory"),
    evictedKeys: count("evicted_keys"),
    expiredKeys: count("expired_keys"),
    keys: Number(keys),
    uptimeSeconds: count("uptime_in_seconds"),
    connectedClients: count("connected_clients"),
    fragmentationRatio: count("mem_fragmentation_ratio"),
    commandsProcessed: count("total_commands_processed"),
    keyspaceHits: count("keyspace_hits"),
    keyspaceMisses: count("keyspace_misses"),
    keyspace: Object.fromEntries(
      [...keyspace.matchAll(/^(db\d+):keys=(\d+),expires=(\d+)/gm)].map(([, database, all, expires]) => [
        database,
        { keys: Number(all), expires: Number(expires) },
      ]),
    ),
  };
}

/**
 * Counts entries and bytes a module, and fences, until `maxKeys` have been looked at, whoever's they are, or five seconds
 * have passed: on a machine that is busy nobody waits for longer, and least of all the server. Where nobody waits, it takes
 * up to a minute, in steps so small and so rare that no request notices. Of one tenant
 * it counts what the indexes list, so that other tenants' keys cost nothing; what an index that was lost had listed is
 * counted again when a walk has listed it.
 */
export async function takeInventory(
  client: RedisClient,
  keys: KeySpace,
  filter: InventoryFilter,
): Promise<Inventory> {
  const rows = new Map<string, { -readonly [Field in keyof InventoryRow]: InventoryRow[Field] }>();
  let [seen, fences] = [0, 0];
  const { isAwaited = true } = filter;
  const steps = new PacedSteps(() => (isAwaited ? BRISK : HURRIED));
  const sized = (some: readonly string[]) => Promise.all(some.map((key) => client.strlen(key)));
  const options = { pageKeys: PAGE_KEYS, steps, withEmpty: true };
  const pages =
    filter.tenant === undefined
      ? scanKeys(client, keys.prefix, options)
      : listedEntries(client, keys, filter.tenant);
  const isWhole = filter.tenant === undefined;
  const withinMs = isAwaited ? WITHIN_MS.awaited : WITHIN_MS.unawaited;
  const endsAtMs = isWhole ? monotonicNow() + withinMs : Number.POSITIVE_INFINITY;
  const taken = (complete: boolean): Inventory => ({
    rows: [...rows.values()],
    complete,
    ...(isWhole && { fences }),
  });
  for await (const page of pages) {
    if (seen >= filter.maxKeys || monotonicNow() >= endsAtMs) return taken(false);
    seen += Math.max(page.length, isWhole ? PAGE_KEYS : 0);
    fences += page.filter((key) => key.startsWith(keys.allFences())).length;
    const entryKeys = page.filter((key) => key.startsWith(keys.allEntries()));
    const sizes: number[] = [];
    for (let start = 0; start < entryKeys.length; start += SIZES_TOGETHER) {
      const some = entryKeys.slice(start, start + SIZES_TOGETHER);
      sizes.push(...(await (isAwaited ? sized(some) : steps.run(() => sized(some)))));
    }
    entryKeys.forEach((key, position) => {
      const place = keys.parseEntry(key);
      const bytes = Number(sizes[position]);
      // No entry is empty: it has ended, or was evicted.
      if (!place || bytes === 0) return;
      const name = `${place.tenant}:${place.module}`;
      const row = rows.get(name) ?? { ...place, entries: 0, bytes: 0 };
      row.entries += 1;
      row.bytes += bytes;
      rows.set(name, row);
    });
  }
  return taken(true);
}

/**
 * Pages of what the indexes of a tenant list, those of dead generations among them: until a sweep it is in
 * the server, too.
 */
async function* listedEntries(client: RedisClient, keys: KeySpace, tenant: string): AsyncGenerator<string[]> {
  // Filled again after an invalidation, an entry is listed by two generations.
  const listed = new Set<string>();
  for (const name of await client.zrange(keys.generations(tenant), 0, -1)) {
    const index = `${keys.indexes(tenant)}${name}`;
    let page: string[];
    let start = 0;
    do {
      page = await client.zrange(index, start, start + PAGE_KEYS - 1);
      start += page.length;
      const news = page.filter((key) => !listed.has(key));
      for (const key of news) listed.add(key);
      if (news.length > 0) yield news;
    } while (page.length === PAGE_KEYS);
  }
}

/** Tenants asked about at a time: others wait for the answers in the server, well below a millisecond. */
const MAX_ASKED = { tidied: 50, read: 500, unawaited: 50 };
/** More than so many are asked for their sums as they stand: ten thousand scripts that look for what has expired are seconds of the server's time. */
const MAX_TIDIED = 200;

export async function readTenantBytes(
  servers: Servers,
  keys: KeySpace,
  repairs: BookRepairs,
  tenants: readonly string[],
  isAwaited: boolean,
): Promise<readonly number[]> {
  const bytes: number[] = [];
  const steps = new PacedSteps(() => (isAwaited ? BRISK : HURRIED));
  const areTidied = tenants.length <= MAX_TIDIED;
  const together = areTidied ? MAX_ASKED.tidied : isAwaited ? MAX_ASKED.read : MAX_ASKED.unawaited;
  const ask = (tenant: string) => {
    const books = [keys.generations(tenant), keys.ledger(tenant)] as const;
    const read = () =>
      servers.run(books[0], (link) =>
        areTidied
          ? link.script("tenantBytes", books, [keys.indexes(tenant)])
          : link.client.zscore(books[1], ""),
      );
    return repairs.around(tenant, [], read);
  };
  for (let start = 0; start < tenants.length; start += together) {
    const asked = tenants.slice(start, start + together);
    const answers = await steps.run(() => Promise.all(asked.map(ask)));
    bytes.push(...answers.map((answer) => Number(answer ?? 0)));
  }
  return bytes;
}
