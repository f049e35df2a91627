// All that is done to a server, module by module.
import { ApiClient } from "./api-client.js";
import type { Check } from "./check.js";
import { checkFreshness } from "./check-lists.js";
import { checkStats, readCounters } from "./check-stats.js";
import { type Measurement, measureList } from "./measure.js";
import { distinctPaths, MODULE_PROBES, type ModuleProbe } from "./module-probe.js";

export interface Target {
  /** Of the server, without a path. */
  readonly baseUrl: string;
  readonly token: string;
  /** Of another tenant, or why there is none. */
  readonly other: { readonly token: string } | { readonly missing: string };
}

export interface ModuleReport {
  readonly module: string;
  readonly measurement: Measurement;
  readonly checks: readonly Check[];
}

/**
 * @param requests of each kind, for each module
 * @throws ApiError where the server cannot be reached or refuses what it should do
 */
export async function runProbes(
  target: Target,
  requests: number,
  signal: AbortSignal,
): Promise<ModuleReport[]> {
  const reports: ModuleReport[] = [];
  for (const probe of MODULE_PROBES) reports.push(await probeModule(target, probe, requests, signal));
  return reports;
}

async function probeModule(
  { baseUrl, token, other }: Target,
  probe: ModuleProbe,
  requests: number,
  signal: AbortSignal,
): Promise<ModuleReport> {
  const client = new ApiClient({ baseUrl, token, signal });
  const otherClient =
    "token" in other ? new ApiClient({ baseUrl, token: other.token, signal }) : other.missing;
  const paths = distinctPaths(probe.name, requests);
  const before = await readCounters(client, probe.name);
  const { measurement, checks } = await measureList(client, paths);
  const freshness = await withDocument(
    new ApiClient({ baseUrl, token, signal }),
    probe,
    async (document) =>
      await checkFreshness({ client, other: otherClient, module: probe.name, document, path: paths[0] }),
  );
  const stats = await checkStats(client, probe.name, before);
  return { module: probe.name, measurement, checks: [...checks, ...freshness, stats] };
}

/** @param client another than the one whose requests are tallied: a parent is a record of another module */
async function withDocument<T>(
  client: ApiClient,
  { parent, document }: ModuleProbe,
  work: (document: Readonly<Record<string, unknown>>) => Promise<T>,
): Promise<T> {
  if (!parent) return await work(document());
  const id = await client.create(parent.module, parent.document());
  try {
    return await work({ ...document(), [parent.column]: id });
  } finally {
    await client.delete(parent.module, id);
  }
}
