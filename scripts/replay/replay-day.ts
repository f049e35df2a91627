// Replays a day twice, on two databases with the same rows: without keeping anything, and with the cache.
import type { TtlPreset } from "express-tenant-cache";
import { migrate } from "../../backend/db/migrate.js";
import { DEMO_TENANTS, seedDemoData } from "../../backend/seed/index.js";
import { createTestDatabase, startRedisServer } from "../../backend/servers/index.js";
import { dayOf } from "../../backend/services/views/calendar.js";
import { play } from "./play.js";
import { type Population, readPopulation } from "./population.js";
import { makeReport, type ReplayReport, type Run } from "./replay-report.js";
import { type ReplayedBackend, startReplayedBackend } from "./replayed-backend.js";
import { type PlannedRequest, planTraffic } from "./traffic.js";

export interface ReplayOptions {
  readonly seed: number;
  /** Of the working day, up to eight. */
  readonly hours: number;
  /** How many of the demo tenants, the largest first. */
  readonly tenants: number;
  /** Share of the demo data. */
  readonly scale: number;
  readonly onStep: (line: string) => void;
  /** Called after every answer of the run at the requests' own times. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** Five minutes, the shortest TTL, become the shortest that there is: a second. */
export const COMPRESSION = 300;
const NOTHING_KEPT: TtlPreset = { SHORT: 0, MEDIUM: 0, LONG: 0, DAY: 0 };
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
    options.onStep("without the cache, as fast as it goes");
    const without = await onFreshBackend(options, { today, redisUrl: redis.url, ttl: NOTHING_KEPT }, playAll);
    options.onStep(`with the cache, ${COMPRESSION} times faster than life`);
    const cached = await onFreshBackend(options, { today, redisUrl: redis.url, ttl: COMPRESSED }, playInTime);
    return makeReport(without, cached);
  } finally {
    await redis.stop();
  }
}

interface Circumstances {
  readonly today: string;
  readonly redisUrl: string;
  readonly ttl: TtlPreset;
}

type Playing = (
  backend: ReplayedBackend,
  requests: readonly PlannedRequest[],
  options: ReplayOptions,
) => Promise<readonly string[]>;

async function onFreshBackend(
  options: ReplayOptions,
  { today, redisUrl, ttl }: Circumstances,
  playing: Playing,
): Promise<Run> {
  const database = await createTestDatabase();
  try {
    await migrate(database.url, () => undefined);
    await seedDemoData(database.url, { scale: options.scale, today });
    const backend = await startReplayedBackend({ databaseUrl: database.url, redisUrl, ttl });
    try {
      const populations: Population[] = [];
      for (const { id } of DEMO_TENANTS.slice(0, options.tenants))
        populations.push(await readPopulation(backend.pool, id, today));
      const requests = planTraffic(populations, { ...options, today });
      const before = backend.queries();
      const failures = await playing(backend, requests, options);
      if (failures.length > 0) throw new Error(`${failures.length} requests failed, as ${failures[0]}`);
      return { queries: backend.queries() - before, views: await backend.views() };
    } finally {
      await backend.stop();
    }
  } finally {
    await database.drop();
  }
}

const playAll: Playing = async (backend, requests) =>
  (await play({ backend, requests, onProgress: () => undefined })).failures;

const playInTime: Playing = async (backend, requests, { onProgress, onStep }) => {
  for (const tenantId of new Set(requests.map((request) => request.tenantId))) await backend.warm(tenantId);
  const { failures, maxLatenessMs } = await play({
    backend,
    requests,
    compression: COMPRESSION,
    onProgress: (done) => onProgress?.(done, requests.length),
  });
  onStep(`${requests.length} requests, none more than ${maxLatenessMs} ms late`);
  return failures;
};
