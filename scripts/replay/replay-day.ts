// Replays a day twice, on two databases with the same rows: observed only, as without a cache, and with the cache.
import type { TtlPreset } from "express-tenant-cache";
import { migrate } from "../../backend/db/migrate.js";
import { DEMO_TENANTS, seedDemoData } from "../../backend/seed/index.js";
import { createTestDatabase, startRedisServer } from "../../backend/servers/index.js";
import { dayOf } from "../../backend/services/views/calendar.js";
import type { ViewReport } from "../../backend/services/views/view-cache.js";
import { makeOverlayPopulation, type OverlayPopulation } from "./overlay-population.js";
import type { PlannedRequest } from "./planned-request.js";
import { type Played, play } from "./play.js";
import { type Population, readPopulation } from "./population.js";
import { makeReport, type ReplayReport, type Run } from "./replay-report.js";
import { type ReplayedBackend, startReplayedBackend } from "./replayed-backend.js";
import { planOverlayTraffic, planTraffic } from "./traffic.js";

export interface ReplayOptions {
  readonly seed: number;
  /** Of the working day, up to eight. */
  readonly hours: number;
  /** How many of the demo tenants, the largest first. */
  readonly tenants: number;
  /** Share of the demo data. */
  readonly scale: number;
  readonly onStep: (line: string) => void;
  /** Called after every answer of a run. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Five minutes, the shortest TTL, become the shortest that there is: a second. */
export const COMPRESSION = 300;
/** The default preset, compressed as the day is. */
const COMPRESSED: TtlPreset = {
  SHORT: 300 / COMPRESSION,
  MEDIUM: 1800 / COMPRESSION,
  LONG: 3600 / COMPRESSION,
  DAY: 86_400 / COMPRESSION,
};

/** @throws Error where an answer was no success: the numbers would mean nothing */
export async function replayDay(options: ReplayOptions): Promise<ReplayReport> {
  const today = dayOf(new Date());
  const redis = await startRedisServer();
  try {
    const circumstances = { today, redisUrl: redis.url, ttl: COMPRESSED, compression: COMPRESSION };
    options.onStep(`without the cache, which observes, ${COMPRESSION} times faster than life`);
    const without = await onFreshBackend(options, { ...circumstances, observeOnly: true });
    options.onStep(`with the cache, ${COMPRESSION} times faster than life`);
    const cached = await onFreshBackend(options, { ...circumstances, observeOnly: false });
    return makeReport(without, cached);
  } finally {
    await redis.stop();
  }
}

interface Circumstances {
  readonly today: string;
  readonly redisUrl: string;
  readonly ttl: TtlPreset;
  readonly compression: number;
  readonly observeOnly: boolean;
}

async function onFreshBackend(
  options: ReplayOptions,
  { today, ...circumstances }: Circumstances,
): Promise<Run> {
  const database = await createTestDatabase();
  try {
    await migrate(database.url, () => undefined);
    await seedDemoData(database.url, { scale: options.scale, today });
    const tenantIds = DEMO_TENANTS.slice(0, options.tenants).map(({ id }) => id);
    const backend = await startReplayedBackend({ databaseUrl: database.url, tenantIds, ...circumstances });
    try {
      const populations: Population[] = [];
      const overlays: OverlayPopulation[] = [];
      for (const id of tenantIds) {
        const population = await readPopulation(backend.pool, id, today);
        populations.push(population);
        overlays.push(await makeOverlayPopulation(backend.overlay, population));
      }
      const requests = [
        ...planTraffic(populations, { ...options, today }),
        ...planOverlayTraffic(overlays, options),
      ].sort((one, other) => one.atHours - other.atHours);
      const before = { queries: backend.queries(), behind: backend.overlay.queriesBehind() };
      const viewsBefore = await backend.views();
      const { failures, maxLatenessMs } = await playInTime(backend, requests, options);
      if (failures.length > 0)
        throw new Error(`${failures.length} requests failed, as\n${failures.slice(0, 10).join("\n")}`);
      return {
        queries: backend.queries() - before.queries,
        queriesBehind: backend.overlay.queriesBehind() - before.behind,
        views: since(viewsBefore, await backend.views()),
        maxLatenessMs,
        modules: await backend.modules(),
        advice: backend.advice(),
      };
    } finally {
      await backend.stop();
    }
  } finally {
    await database.drop();
  }
}

/** What happened to each view between two reports. */
function since(before: readonly ViewReport[], after: readonly ViewReport[]): ViewReport[] {
  return after.map(({ key, reads, loads }) => {
    const was = before.find((view) => view.key === key);
    return { key, reads: reads - (was?.reads ?? 0), loads: loads - (was?.loads ?? 0) };
  });
}

async function playInTime(
  backend: ReplayedBackend,
  requests: readonly PlannedRequest[],
  { onProgress, onStep }: ReplayOptions,
): Promise<Played> {
  for (const tenantId of new Set(requests.map((request) => request.tenantId))) await backend.warm(tenantId);
  const played = await play({
    backend,
    requests,
    compression: COMPRESSION,
    onProgress: (done) => onProgress?.(done, requests.length),
  });
  onStep(`${requests.length} requests, the slowest answered ${played.maxLatenessMs} ms after it was due`);
  return played;
}
