// The one list of all figures: what they are called, what they mean, and where they are read. Counts nothing itself.
// Tests: test/unit/metrics-page.test.ts, test/integration/metrics.test.ts

import type { Counted } from "../engine/counters.js";
import type { Timed } from "../engine/latencies.js";
import { OTHER } from "./busiest-tenants.js";
import { FEED } from "./feed-figures.js";
import { counter, type Figure, gauge, NONE, type Sample } from "./figure.js";
import type { MetricsView } from "./metrics-view.js";

export interface HistogramFigure {
  readonly name: string;
  readonly help: string;
  readonly timed: Timed;
}

export const HISTOGRAMS: readonly HistogramFigure[] = [
  {
    name: "etc_hit_duration_seconds",
    help: "From a request to its answer from an entry, in the socket",
    timed: "hit",
  },
  {
    name: "etc_miss_duration_seconds",
    help: "From a request that missed until its answer was sent",
    timed: "miss",
  },
  {
    name: "etc_store_duration_seconds",
    help: "How long the store takes an entry, behind responses",
    timed: "store",
  },
  {
    name: "etc_invalidation_duration_seconds",
    help: "How long an invalidation holds its response back",
    timed: "invalidation",
  },
  {
    name: "etc_round_trip_duration_seconds",
    help: "How long the store takes to answer, whatever it was asked",
    timed: "roundTrip",
  },
];

const RESULTS = { hit: "hits", miss: "misses", bypass: "bypasses" } as const satisfies Record<
  string,
  Counted
>;

function byModule(name: string, help: string, counted: Counted): Figure {
  const read = ({ modules }: MetricsView) =>
    modules.map(([module, counts]) => ({ labels: { module }, value: counts[counted] }));
  return { name, kind: "counter", help, labels: ["module"], read };
}

function byTenant(name: string, help: string, counted: Counted): Figure {
  const read = ({ tenants }: MetricsView) =>
    tenants.map(([tenant, counts]) => ({ labels: { tenant }, value: counts[counted] }));
  return { name, kind: "counter", help, labels: ["tenant"], read };
}

const REQUESTS: readonly Figure[] = [
  {
    name: "etc_requests_total",
    kind: "counter",
    help: "Requests of cached routes, and reads of the toolkit",
    labels: ["module", "result"],
    read: ({ modules }) =>
      modules.flatMap(([module, counts]) =>
        Object.entries(RESULTS).map(([result, counted]) => ({
          labels: { module, result },
          value: counts[counted],
        })),
      ),
  },
  {
    name: "etc_bypasses_total",
    kind: "counter",
    help: "Requests that were not looked up, by the reason",
    labels: ["reason"],
    read: ({ engine }) =>
      [...engine.counters.reasons].map(([reason, value]) => ({ labels: { reason }, value })),
  },
  byModule("etc_stale_total", "Answers from an entry older than its TTL", "stale"),
  byModule("etc_collapsed_total", "Misses that another request's handler run answered", "collapsed"),
  byModule("etc_stored_total", "Entries stored", "sets"),
  byModule("etc_fenced_total", "Answers not stored, because a mutation had overtaken them", "fenced"),
  byModule("etc_invalidations_total", "Fences replaced", "invalidations"),
  {
    name: "etc_invalidation_causes_total",
    kind: "counter",
    help: "Invalidations, however many fences each replaced, by how much they reach and who does it",
    labels: ["scope", "cause"],
    read: ({ engine }) =>
      engine.counters.invalidations.map(({ scope, cause, count }) => ({
        labels: { scope, cause },
        value: count,
      })),
  },
  byModule(
    "etc_deferred_invalidations_total",
    "Invalidations that had to wait for the store",
    "deferredInvalidations",
  ),
  byModule(
    "etc_quota_evictions_total",
    "Entries that made room for others of their tenant",
    "quotaEvictions",
  ),
  byModule("etc_quota_refusals_total", "Entries too large for their tenant's quota", "quotaRefusals"),
  byModule("etc_alarms_total", "Values that must not be served, and were not", "alarms"),
  byModule("etc_store_errors_total", "Store operations that failed or ran out of time", "errors"),
  {
    name: "etc_route_warnings",
    kind: "gauge",
    help: "Routes of which `cache.advice()` warns, by the warning",
    labels: ["module", "warning"],
    read: routeWarnings,
  },
];

const TENANTS: readonly Figure[] = [
  {
    name: "etc_tenant_requests_total",
    kind: "counter",
    help: "Requests of the busiest tenants, and of all others",
    labels: ["tenant", "result"],
    read: ({ tenants }) =>
      tenants.flatMap(([tenant, counts]) =>
        Object.entries(RESULTS).map(([result, counted]) => ({
          labels: { tenant, result },
          value: counts[counted],
        })),
      ),
  },
  byTenant("etc_tenant_invalidations_total", "Fences replaced, by tenant", "invalidations"),
  byTenant(
    "etc_tenant_quota_evictions_total",
    "Entries that made room for others of the tenant",
    "quotaEvictions",
  ),
  {
    name: "etc_tenant_bytes",
    kind: "gauge",
    help: "What the entries of a tenant count in the store",
    labels: ["tenant"],
    read: ({ engine, tenants }) =>
      tenants.flatMap(([tenant]) => {
        const value = engine.lastReport.tenantBytes.get(tenant);
        return value === undefined ? NONE : [{ labels: { tenant }, value }];
      }),
  },
  gauge(
    "etc_tenant_max_bytes",
    "What the entries of one tenant may count in the store",
    ({ maxTenantBytes }) => (Number.isFinite(maxTenantBytes) ? maxTenantBytes : null),
  ),
];

const PROCESS: readonly Figure[] = [
  gauge("etc_store_connected", "Whether the store is in use", ({ gate }) => gate.state === "closed"),
  {
    name: "etc_circuit",
    kind: "gauge",
    help: "1 for the state that the circuit is in",
    labels: ["state"],
    read: ({ engine }) =>
      (["closed", "half-open", "open"] as const).map((state) => ({
        labels: { state },
        value: Number(engine.gate.state === state),
      })),
  },
  gauge(
    "etc_store_reconnect_attempts",
    "Connections that were tried since the last one was lost",
    ({ store }) => store.reconnectAttempts ?? 0,
  ),
  gauge("etc_recovery_queue", "Invalidations that wait for the store", ({ gate }) => gate.missed.pending),
  counter(
    "etc_replayed_invalidations_total",
    "Invalidations that have waited and were written",
    ({ gate }) => gate.missed.replayed,
  ),
  gauge("etc_sweeps_pending", "Sweeps that wait", (engine) => engine.pendingSweeps),
  counter("etc_swept_keys_total", "Keys that sweeps have removed", (engine) => engine.sweptKeys),
  gauge("etc_fills_in_flight", "Entries that a handler is filling now", (engine) => engine.fillsInFlight),
  counter(
    "etc_local_hits_total",
    "Hits from this process's memory, beside the store",
    ({ local, counters }) => local && counters.localHits,
  ),
  gauge(
    "etc_local_entries",
    "Entries in this process's memory, beside the store",
    ({ local }) => local?.size,
  ),
  gauge("etc_local_bytes", "Memory of these entries", ({ local }) => local?.bytes),
  counter("etc_local_evictions_total", "Of them, those that made room", ({ local }) => local?.evictions),
  counter("etc_lane_hits_total", "Hits in front of Express", ({ counters }) => counters.laneHits),
  counter("etc_lane_passed_total", "Requests that the lane passed on", ({ counters }) => counters.lanePassed),
];

const SERVER: readonly Figure[] = [
  {
    name: "etc_entries",
    kind: "gauge",
    help: "Entries in the store, by the last inventory",
    labels: ["module"],
    read: ({ held }) => held.map(([module, { entries }]) => ({ labels: { module }, value: entries })),
  },
  {
    name: "etc_entry_bytes",
    kind: "gauge",
    help: "Bytes of these entries",
    labels: ["module"],
    read: ({ held }) => held.map(([module, { bytes }]) => ({ labels: { module }, value: bytes })),
  },
  gauge("etc_fences", "Fences in the store, by the last inventory", ({ lastReport }) => lastReport.fences),
  gauge(
    "etc_inventory_complete",
    "Whether the last inventory has seen all entries",
    ({ lastReport }) => lastReport.counted?.value.complete,
  ),
  gauge("etc_inventory_age_seconds", "How old the last inventory is", ({ lastReport }, { ageOf }) =>
    ageOf(lastReport.counted),
  ),
  gauge("etc_server_report_age_seconds", "How old the server's figures are", ({ lastReport }, { ageOf }) =>
    ageOf(lastReport.server),
  ),
  gauge("etc_server_latency_seconds", "Of the round trip with the last report", ({ lastReport }) =>
    lastReport.latencyMs === null ? null : lastReport.latencyMs / 1000,
  ),
  gauge("etc_server_memory_bytes", "Memory that the server uses", (_, { server }) => server?.usedMemoryBytes),
  gauge(
    "etc_server_max_memory_bytes",
    "Memory that the server may use; 0: no bound",
    (_, { server }) => server?.maxMemoryBytes,
  ),
  gauge("etc_server_keys", "Keys in the server, of all users", (_, { server }) => server?.keys),
  gauge("etc_server_clients", "Clients of the server", (_, { server }) => server?.connectedClients),
  counter(
    "etc_server_evicted_keys_total",
    "Keys that the server evicted",
    (_, { server }) => server?.evictedKeys,
  ),
  counter("etc_server_expired_keys_total", "Keys that have expired", (_, { server }) => server?.expiredKeys),
];

const PROBE: readonly Figure[] = [
  gauge(
    "etc_staleness_probe_seconds",
    "Since when the probe has read what was stale; 0 where the last read was fresh",
    ({ counters }) => counters.probe?.staleSeconds,
  ),
  {
    name: "etc_staleness_probe_reads_total",
    kind: "counter",
    help: "Reads of the staleness probe, by what they found",
    labels: ["result"],
    read: ({ engine }) => {
      const { probe } = engine.counters;
      if (!probe) return NONE;
      return (["fresh", "stale", "failed"] as const).map((result) => ({
        labels: { result },
        value: probe[result],
      }));
    },
  },
  counter(
    "etc_staleness_probe_writes_total",
    "Writes of the staleness probe in this process",
    ({ counters }) => counters.probe?.writes,
  ),
];

/** Few routes have one: of the rest, one row says which there are. */
function routeWarnings({ engine: { advisor }, modules }: MetricsView): readonly Sample[] {
  if (!advisor) return NONE;
  const named = new Set(modules.map(([module]) => module));
  const counts = new Map(advisor.warningCodes.map((warning) => [`${OTHER} ${warning}`, 0]));
  for (const [module, warning] of advisor.warnings()) {
    const key = `${named.has(module) ? module : OTHER} ${warning}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, value]) => {
    const [module = "", warning = ""] = key.split(" ");
    return { labels: { module, warning }, value };
  });
}

/** All but {@link HISTOGRAMS}. */
export const FIGURES: readonly Figure[] = [...REQUESTS, ...TENANTS, ...PROCESS, ...SERVER, ...PROBE, ...FEED];
