// `top` of an app: requests by the second, hit ratio, the busiest tenants and modules, in the process that answers.
// Tests: test/integration/cli-live.test.ts
import { printable } from "../printable.js";
import type { CacheStats, ModuleStats, TenantStats } from "../stats.js";
import { monotonicNow } from "../timers.js";
import { AppClient } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import { bytesText, millisecondsText, percentText, rateText } from "./quantities-text.js";
import { showTop, type TopOptions, type TopSample } from "./top-view.js";

const COUNTED = ["hits", "misses", "bypasses", "sets", "invalidations", "errors", "quotaEvictions"] as const;
type Rates = Readonly<Record<(typeof COUNTED)[number], number>> & {
  readonly requests: number;
  readonly hitRatio: number | null;
};
/** An app must not be busy with this; one of an earlier version asks for the size of each entry. */
const BUSY_SHARE = 0.1;

export async function runTopOfApp(
  context: Context,
  target: AppTarget,
  options: TopOptions & { readonly tenant?: string | undefined },
): Promise<ExitCode> {
  const client = new AppClient(target, context);
  let before: Taken | undefined;
  let last: TopSample | undefined;
  let restUntilMs = 0;
  await showTop(context, options, async () => {
    if (last && monotonicNow() < restUntilMs) return last;
    const startedMs = monotonicNow();
    const stats = await client.get<CacheStats>("stats", { tenant: options.tenant, sizes: "false" });
    const atMs = monotonicNow();
    restUntilMs = atMs + (atMs - startedMs) / BUSY_SHARE - options.intervalMs;
    const taken = { stats, atMs };
    last = sampleOf(target.name, taken, before);
    before = taken;
    return last;
  });
  return EXIT.done;
}

type Figures = ModuleStats & Partial<Pick<TenantStats, "quotaBytes">>;

interface Taken {
  readonly stats: CacheStats;
  readonly atMs: number;
}

/** Since the sample before; `undefined` for the first, and where the process was started anew. */
export function ratesOf(now: ModuleStats, before: ModuleStats | undefined, seconds: number): Rates {
  const of = (name: (typeof COUNTED)[number]) => Math.max(0, now[name] - (before?.[name] ?? 0)) / seconds;
  const rates = Object.fromEntries(COUNTED.map((name) => [name, of(name)])) as Record<
    (typeof COUNTED)[number],
    number
  >;
  const lookups = rates.hits + rates.misses;
  return {
    ...rates,
    requests: lookups + rates.bypasses,
    hitRatio: lookups === 0 ? null : rates.hits / lookups,
  };
}

function sampleOf(name: string, { stats, atMs }: Taken, before: Taken | undefined): TopSample {
  const isSame = before !== undefined && before.stats.since === stats.since;
  const seconds = isSame ? (atMs - before.atMs) / 1000 : undefined;
  const rates = seconds === undefined ? undefined : ratesOf(stats.totals, before?.stats.totals, seconds);
  const busiest = (
    figures: Readonly<Record<string, Figures>>,
    earlier: Readonly<Record<string, ModuleStats>> | undefined,
  ) =>
    Object.entries(figures)
      .map(([of, now]) => ({
        of,
        now,
        rates: seconds === undefined ? undefined : ratesOf(now, earlier?.[of], seconds),
      }))
      .sort(
        (one, other) =>
          (other.rates?.requests ?? 0) - (one.rates?.requests ?? 0) ||
          (other.now.quotaBytes ?? 0) - (one.now.quotaBytes ?? 0),
      );
  const tenants = busiest(stats.tenants ?? {}, before?.stats.tenants);
  const modules = busiest(stats.modules, before?.stats.modules);
  const { store, server, totals } = stats;
  const share = server?.maxMemoryBytes ? (server.usedMemoryBytes ?? 0) / server.maxMemoryBytes : null;
  const value = ({ of, now, rates: each }: (typeof tenants)[number]) => ({
    name: of,
    requestsPerSecond: each?.requests ?? null,
    hitRatio: each?.hitRatio ?? null,
    bytes: now.quotaBytes ?? null,
  });
  const row = ({ of, now, rates: each }: (typeof tenants)[number]) => [
    printable(of),
    rateText(each?.requests),
    percentText(each?.hitRatio),
    rateText(each?.misses),
    rateText(each?.bypasses),
    rateText(each?.invalidations),
    // What counts against the quota: of modules it is not kept.
    ...(now.quotaBytes === undefined ? [] : [bytesText(now.quotaBytes)]),
  ];
  const columns = (title: string, ...more: readonly string[]) => [
    { title, mayCut: true },
    ...["requests/s", "ratio", "misses/s", "bypasses/s", "invalidations/s", ...more].map((figure) => ({
      title: figure,
      isFigure: true,
      mayDrop: !["requests/s", "ratio"].includes(figure),
    })),
  ];
  return {
    title: `${name}, one process${!store.reason ? "" : `: ${printable(store.reason)}`}`,
    value: {
      at: new Date().toISOString(),
      seconds: seconds ?? null,
      circuit: store.circuit,
      requestsPerSecond: rates?.requests ?? null,
      hitsPerSecond: rates?.hits ?? null,
      missesPerSecond: rates?.misses ?? null,
      bypassesPerSecond: rates?.bypasses ?? null,
      storedPerSecond: rates?.sets ?? null,
      invalidationsPerSecond: rates?.invalidations ?? null,
      errorsPerSecond: rates?.errors ?? null,
      hitRatio: rates?.hitRatio ?? null,
      hitRatioSinceStart: totals.hitRatio,
      latencyMs: store.latencyMs,
      usedMemoryBytes: server?.usedMemoryBytes ?? null,
      maxMemoryBytes: server?.maxMemoryBytes ?? null,
      tenants: tenants.slice(0, 20).map(value),
      modules: modules.slice(0, 20).map(value),
    },
    figures: [
      { label: "requests/s", text: rateText(rates?.requests) },
      { label: "hit ratio", text: percentText(rates ? rates.hitRatio : totals.hitRatio) },
      { label: "bypasses/s", text: rateText(rates?.bypasses) },
      { label: "invalidations/s", text: rateText(rates?.invalidations) },
      { label: "errors/s", text: rateText(rates?.errors), isBad: (rates?.errors ?? 0) > 0 },
      { label: "store", text: store.circuit, isBad: store.circuit !== "closed" },
      { label: "latency", text: store.latencyMs === null ? "-" : millisecondsText(store.latencyMs) },
      {
        label: "memory",
        text:
          share === null
            ? bytesText(server?.usedMemoryBytes)
            : `${bytesText(server?.usedMemoryBytes)} (${percentText(share)})`,
        isBad: (share ?? 0) > 0.9,
      },
    ],
    tables: [
      { columns: columns("module"), rows: modules.map(row) },
      { columns: columns("tenant", "bytes"), rows: tenants.map(row) },
    ],
  };
}
