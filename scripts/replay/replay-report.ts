// The result of a replay: hit rates by service, database queries with and without the cache, and whether they are good enough.
import Table from "cli-table3";
import type { CacheAdvice } from "express-tenant-cache";
import type { ViewReport } from "../../backend/services/views/view-cache.js";

interface ServiceRow {
  readonly name: string;
  readonly belongs: (key: string) => boolean;
  /** The least share of reads that must not load. */
  readonly wanted?: number;
}

const SERVICES: readonly ServiceRow[] = [
  { name: "profiles", belongs: (key) => key.startsWith("users:profile:"), wanted: 0.95 },
  { name: "other users", belongs: (key) => /^users:(?!profile:)/.test(key) },
  { name: "schedules", belongs: (key) => key.startsWith("schedules:"), wanted: 0.85 },
  { name: "tasks", belongs: (key) => key.startsWith("tasks:") },
  { name: "reports", belongs: (key) => key.startsWith("reports:"), wanted: 0.8 },
  { name: "overlay: clients", belongs: (key) => key === "overlay:crm_client" },
  { name: "overlay: communications", belongs: (key) => /^overlay:(?:communication|client_comms)$/.test(key) },
  { name: "overlay: tasks", belongs: (key) => /^overlay:(?:task|client_tasks)$/.test(key) },
  { name: "overlay: documents", belongs: (key) => /^overlay:(?:document|client_documents)$/.test(key) },
];
const QUERIES_DOWN_BY = 0.7;
/** Time is compressed, and what a request takes is not. */
const KEPT_UP_MS = 10_000;

export interface Run {
  /** Database queries of the whole day, writes and warming among them. */
  readonly queries: number;
  /** Those of the audit trail, of keys and of synchronisation, which no cache saves: they are no part of `queries`. */
  readonly queriesBehind: number;
  readonly views: readonly ViewReport[];
  /** The most that an answer came after its request was due, milliseconds. */
  readonly maxLatenessMs: number;
  /** Of each module and domain of the cache. */
  readonly modules: Readonly<Record<string, { readonly hits: number; readonly misses: number }>>;
  readonly advice: CacheAdvice;
}

export interface Forecast {
  readonly module: string;
  readonly requests: number;
  /** Between 0 and 1. */
  readonly forecast: number;
  readonly measured: number;
}

/** Of fewer requests each is more than a point. */
const FEWEST_REQUESTS = 100;
const FORECAST_WITHIN = 0.05;

export interface ReplayReport {
  readonly maxLatenessMs: number;
  readonly services: readonly {
    readonly name: string;
    readonly reads: number;
    readonly loads: number;
    /** Between 0 and 1. */
    readonly hitRate: number;
    readonly wanted: number | null;
  }[];
  readonly queries: { readonly without: number; readonly with: number; readonly downBy: number };
  /** Of the audit trail, of keys and of synchronisation. */
  readonly queriesBehind: { readonly without: number; readonly with: number };
  /** For each module that was asked for often enough: the hit ratio that the run without the cache has forecast, and that of the other. */
  readonly forecasts: readonly Forecast[];
  /** What is below what is wanted, in words. */
  readonly shortfalls: readonly string[];
}

export function makeReport(without: Run, cached: Run): ReplayReport {
  const services = SERVICES.map(({ name, belongs, wanted = null }) => {
    const views = cached.views.filter(({ key }) => belongs(key));
    const reads = views.reduce((sum, view) => sum + view.reads, 0);
    const loads = views.reduce((sum, view) => sum + view.loads, 0);
    return { name, reads, loads, hitRate: reads === 0 ? 0 : 1 - loads / reads, wanted };
  });
  const downBy = 1 - cached.queries / without.queries;
  const shortfalls = services
    .filter(({ hitRate, wanted }) => wanted !== null && hitRate < wanted)
    .map(({ name, hitRate, wanted }) => `${name}: ${percent(hitRate)} of ${percent(wanted ?? 0)}`);
  if (downBy < QUERIES_DOWN_BY)
    shortfalls.push(`queries: down by ${percent(downBy)} of ${percent(QUERIES_DOWN_BY)}`);
  const forecasts = forecastsOf(without, cached);
  for (const { module, forecast, measured } of forecasts)
    if (Math.abs(forecast - measured) > FORECAST_WITHIN)
      shortfalls.push(`forecast of ${module}: ${percent(forecast)}, and it was ${percent(measured)}`);
  return {
    services,
    forecasts,
    queries: { without: without.queries, with: cached.queries, downBy },
    queriesBehind: { without: without.queriesBehind, with: cached.queriesBehind },
    shortfalls,
    maxLatenessMs: cached.maxLatenessMs,
  };
}

/** A module of several routes is forecast as their requests together. */
function forecastsOf(without: Run, cached: Run): Forecast[] {
  return Object.entries(cached.modules).flatMap(([module, { hits, misses }]) => {
    const routes = without.advice.routes.filter((route) => route.module === module);
    const requests = routes.reduce((sum, route) => sum + route.requests, 0);
    if (requests < FEWEST_REQUESTS || hits + misses === 0) return [];
    const expected = routes.reduce((sum, route) => sum + route.requests * (route.present?.hitRatio ?? 0), 0);
    return { module, requests, forecast: expected / requests, measured: hits / (hits + misses) };
  });
}

export function formatReport(report: ReplayReport): string {
  const { services, forecasts, queries, queriesBehind, shortfalls, maxLatenessMs } = report;
  const table = new Table({
    head: ["service", "reads", "loads", "hit rate", "wanted"],
    colAligns: ["left", "right", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const { name, reads, loads, hitRate, wanted } of services)
    table.push([name, reads, loads, percent(hitRate), wanted === null ? "" : percent(wanted)]);
  const foreseen = new Table({
    head: ["module", "requests", "forecast", "measured"],
    colAligns: ["left", "right", "right", "right"],
    style: { head: [], border: [] },
  });
  for (const { module, requests, forecast, measured } of forecasts)
    foreseen.push([module, requests, percent(forecast), percent(measured)]);
  const line = `database queries: ${queries.without} without the cache, ${queries.with} with it: down by ${percent(queries.downBy)} (wanted: ${percent(QUERIES_DOWN_BY)})`;
  const behind = `beside these, of the audit trail, keys and synchronisation: ${queriesBehind.without} without the cache, ${queriesBehind.with} with it`;
  const verdict = shortfalls.length === 0 ? "all as wanted" : `TOO LOW: ${shortfalls.join("; ")}`;
  const lateness =
    maxLatenessMs > KEPT_UP_MS
      ? [
          `the machine could not keep up: an answer came ${Math.round(maxLatenessMs / 1000)} s after it was due, when entries were over that live compressed; the rates are the machine's`,
        ]
      : [];
  return [table.toString(), foreseen.toString(), line, behind, verdict, ...lateness].join("\n");
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;
