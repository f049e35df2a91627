// The suite `scale` in tables.
import type { Table } from "../report.js";
import { formatNumber as figure } from "../statistics.js";
import type { ConnectionsPoint, EntriesPoint, ProcessesPoint, TenantsPoint, WritesPoint } from "./curves.js";
import type { LoadFigures } from "./judged-load.js";
import type { Window } from "./watch.js";
import type { LookedAt } from "./world.js";

const MB = 1024 * 1024;

export interface Curves {
  readonly entries: readonly EntriesPoint[];
  readonly connections: readonly ConnectionsPoint[];
  readonly processes: readonly ProcessesPoint[];
  readonly writes: readonly WritesPoint[];
  readonly tenants: readonly TenantsPoint[];
}

const HITS = ["hits, %", "hits' p50, ms", "hits' p99, ms"];
const LOOKED = ["stats, ms", "overview, ms", "tenants, ms", "entries, ms", "scrape, ms"];

function hits({ hits: found, answers, hitP50Ms, hitP99Ms }: LoadFigures): string[] {
  return [figure((100 * found) / Math.max(1, answers)), figure(hitP50Ms), figure(hitP99Ms)];
}

function looked({ stats, overview, tenants, entries, metrics }: LookedAt): string[] {
  return [stats, overview, tenants, entries, metrics].map(({ tookMs }) => figure(tookMs));
}

export function windowTable(what: string, windows: readonly Window[]): Table {
  return {
    title: `Steady load: ${what}`,
    head: [
      "window",
      "answers/s",
      ...HITS,
      "misses' p99, ms",
      "writes' p50, ms",
      "Redis, MB",
      "evicted keys",
      "process at most, MB",
      "sweeps waiting",
      "keys swept",
      ...LOOKED,
      "longest pause beside pages, ms",
    ],
    rows: windows.map(({ load, redis, memory, sweeps, looked: seen, delays }, index) => [
      String(index + 1),
      figure(load.perSecond),
      ...hits(load),
      figure(load.missP99Ms),
      figure(load.writeP50Ms),
      figure(redis.usedBytes / MB),
      figure(redis.evictedKeys),
      figure(Math.max(...memory.map(({ heapBytes, externalBytes }) => heapBytes + externalBytes)) / MB),
      figure(sweeps.pendingSweeps),
      figure(sweeps.sweptKeys),
      ...looked(seen),
      figure(delays.maxMs),
    ]),
  };
}

export function curveTables({ entries, connections, processes, writes, tenants }: Curves): Table[] {
  const [least] = entries;
  const perEntry = ({ redis }: EntriesPoint, before: EntriesPoint | undefined) =>
    (redis.usedBytes - (before?.redis.usedBytes ?? 0)) / Math.max(1, redis.keys - (before?.redis.keys ?? 0));
  return [
    {
      title: "With entries",
      head: ["entries stored", "stored/s", "keys", "evicted", "Redis, MB", "bytes a key", ...HITS, ...LOOKED],
      rows: entries.map((point) => [
        figure(point.entries),
        figure(point.filledPerSecond),
        figure(point.redis.keys),
        figure(point.redis.evictedKeys),
        figure(point.redis.usedBytes / MB),
        point === least ? "-" : figure(perEntry(point, least)),
        ...hits(point.load),
        ...looked(point.looked),
      ]),
    },
    {
      title: "With tenants, each of which has asked for four lists",
      head: ["tenants", "process, MB", ...LOOKED, "longest pause, ms", "scrape, KB", "tenants page, KB"],
      rows: tenants.map(({ tenants: count, memory, looked: seen, delays }) => [
        figure(count),
        figure((memory.heapBytes + memory.externalBytes) / MB),
        ...looked(seen),
        figure(delays.maxMs),
        figure(seen.metrics.bytes / 1024),
        figure(seen.tenants.bytes / 1024),
      ]),
    },
    {
      title: "With processes, 32 connections in all",
      head: ["processes", "answers/s", ...HITS],
      rows: processes.map(({ processes: count, load }) => [
        String(count),
        figure(load.perSecond),
        ...hits(load),
      ]),
    },
    {
      title: "With connections",
      head: ["connections", "answers/s", "failed", ...HITS],
      rows: connections.map(({ connections: count, load }) => [
        figure(count),
        figure(load.perSecond),
        String(load.failed),
        ...hits(load),
      ]),
    },
    {
      title: "With writes",
      head: [
        "writes/s",
        ...HITS,
        "writes' p50, ms",
        "writes' p99, ms",
        "sweeps waiting",
        "keys swept/s",
        "walked",
      ],
      rows: writes.map(({ writesPerSecond, load, sweeps, sweptPerSecond, hasWalked }) => [
        String(writesPerSecond),
        ...hits(load),
        figure(load.writeP50Ms),
        figure(load.writeP99Ms),
        figure(sweeps.pendingSweeps),
        figure(sweptPerSecond),
        hasWalked ? "yes" : "no",
      ]),
    },
  ];
}
