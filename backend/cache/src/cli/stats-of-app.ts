// `stats` of an app: what happened in the process that answers, and what the store holds.
// Tests: test/integration/cli-app.test.ts
import { printable } from "../printable.js";
import type { CacheStats, ModuleStats } from "../stats.js";
import { AppClient } from "./app-client.js";
import type { AppTarget } from "./app-target.js";
import { type Column, table } from "./columns.js";
import type { Context } from "./context.js";
import { EXIT, type ExitCode } from "./exit-codes.js";
import type { Output } from "./output.js";
import { bytesText, countText, durationText, percentText } from "./quantities-text.js";

export async function runStatsOfApp(
  context: Context,
  target: AppTarget,
  { tenant, limit }: { readonly tenant?: string | undefined; readonly limit: number },
): Promise<ExitCode> {
  const { output } = context;
  const stats = await new AppClient(target, context).get<CacheStats>("stats", { tenant });
  output.json(stats);
  show(output, target.name, stats, limit);
  return EXIT.done;
}

const FIGURES = [
  "hits",
  "misses",
  "ratio",
  "stale",
  "bypasses",
  "stored",
  "fenced",
  "invalidated",
  "errors",
  "entries",
  "bytes",
];
/** What is left on a narrow terminal. */
const KEPT = new Set(["hits", "misses", "ratio", "entries", "bytes"]);
const COLUMNS: readonly Column[] = [
  { title: "", mayCut: true },
  ...FIGURES.map((title) => ({ title, isFigure: true, mayDrop: !KEPT.has(title) })),
];

export function statsRow(name: string, stats: ModuleStats): string[] {
  return [
    printable(name),
    ...[stats.hits, stats.misses].map(countText),
    percentText(stats.hitRatio),
    ...[
      stats.stale,
      stats.bypasses,
      stats.sets,
      stats.fenced,
      stats.invalidations,
      stats.errors,
      stats.entries,
    ].map(countText),
    bytesText(stats.bytes),
  ];
}

function show(output: Output, name: string, stats: CacheStats, limit: number): void {
  const { store, server, totals, modules, tenants, uptimeSeconds, maxBytesPerTenant } = stats;
  output.line(`${output.paint("bold", name)}, one process, counting for ${durationText(uptimeSeconds)}`);
  const circuit = store.circuit === "closed" ? "in use" : output.paint("red", `circuit ${store.circuit}`);
  // Of somebody who sees some tenants only, the app tells less of its store.
  const reason = !store.reason ? "" : ` (${printable(store.reason)})`;
  output.line(`${"store".padEnd(10)}${store.kind}, ${circuit}${reason}, ${store.latencyMs ?? "-"} ms`);
  if (store.pendingInvalidations > 0)
    output.line(
      `${"waiting".padEnd(10)}${countText(store.pendingInvalidations)} invalidations, for the store to come back`,
    );
  if (server) {
    const most = server.maxMemoryBytes ? ` of ${bytesText(server.maxMemoryBytes)}` : "";
    output.line(
      `${"server".padEnd(10)}${server.version ?? "unknown"}, ${bytesText(server.usedMemoryBytes)}${most}, ${countText(server.evictedKeys)} evicted`,
    );
  }
  const made = invalidationsText(stats.invalidations ?? {});
  if (made !== "") output.line(`${"stale".padEnd(10)}made so: ${made}`);
  if (maxBytesPerTenant !== null)
    output.line(`${"quota".padEnd(10)}${bytesText(maxBytesPerTenant)} a tenant`);
  const print = (title: string, rows: readonly string[][]) => {
    output.line();
    const [first, ...others] = COLUMNS;
    for (const line of table([{ ...first, title }, ...others], rows, output.columns)) output.line(line);
  };
  print("module", [
    ...Object.entries(modules).map(([module, figures]) => statsRow(module, figures)),
    statsRow("all", totals),
  ]);
  const known = Object.entries(tenants ?? {}).sort(([, one], [, other]) => requests(other) - requests(one));
  if (known.length > 0)
    print(
      "tenant",
      known.slice(0, limit).map(([id, figures]) => statsRow(id, figures)),
    );
  for (const [id, { quotaEvictions, quotaBytes }] of known)
    if (quotaEvictions > 0)
      output.line(
        `${printable(id)} is at its bound (${bytesText(quotaBytes)}): ${countText(quotaEvictions)} of its entries made room`,
      );
  if (known.length > limit)
    output.warn(`${countText(known.length - limit)} tenants more: --limit shows more of them`);
  if (!stats.inventoryComplete) {
    const { inventoryAgeSeconds: age = null } = stats;
    const when = age ? ` (counted ${countText(age)} s ago)` : "";
    output.warn(
      `entries and bytes are lower bounds: there is more than was counted${when}, or the store is away`,
    );
  }
}

/** The most frequent first. */
function invalidationsText(report: NonNullable<CacheStats["invalidations"]>): string {
  const all = Object.entries(report).flatMap(([scope, causes]) =>
    Object.entries(causes).map(([cause, times]) => ({ what: `${scope} by ${cause}`, times })),
  );
  all.sort((one, other) => other.times - one.times);
  return all.map(({ what, times }) => printable(`${countText(times)} ${what}`)).join(", ");
}

function requests({ hits, misses, bypasses }: ModuleStats): number {
  return hits + misses + bypasses;
}
