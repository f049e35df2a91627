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
  /** How many times faster than life at most: less where the machine cannot keep up. */
  readonly speed: Speed;
  readonly onStep: (line: string) => void;
  /** Called after every answer of a run. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** TTLs are whole seconds, and the shortest is five minutes: these divide 300. */
export const SPEEDS = [300, 150, 100, 75, 60, 50, 30] as const;
export type Speed = (typeof SPEEDS)[number];
const SLOWEST: Speed = 30;
/** Some hours of the day are busier than those that were seen, and the second run has the machine no more to itself. */
const SPARE = 0.8;

/** The next one that the machine may keep up with; `undefined` where there is none that is slower. */
export function slowerThan(speed: Speed, sustained: number): Speed | undefined {
  if (speed === SLOWEST) return undefined;
  return SPEEDS.find((each) => each < speed && each <= sustained * SPARE) ?? SLOWEST;
}

/** The default preset, compressed as the day is. */
function compressed(speed: number): TtlPreset {
  return { SHORT: 300 / speed, MEDIUM: 1800 / speed, LONG: 3600 / speed, DAY: 86_400 / speed };
}

/** @throws Error where an answer was no success: the numbers would mean nothing */
export async function replayDay(options: ReplayOptions): Promise<ReplayReport> {
  const today = dayOf(new Date());
  const redis = await startRedisServer();
  const runAt = (speed: Speed, observeOnly: boolean) => {
    const ttl = compressed(speed);
    // What is answered later than the shortest TTL is of another day than what was planned.
    const giveUpAfterMs = observeOnly && speed > SLOWEST ? ttl.SHORT * 1000 : Number.POSITIVE_INFINITY;
    options.onStep(
      `${observeOnly ? "without the cache, which observes" : "with the cache"}, ${speed} times faster than life`,
    );
    return onFreshBackend(options, {
      today,
      redisUrl: redis.url,
      ttl,
      compression: speed,
      observeOnly,
      giveUpAfterMs,
    });
  };
  try {
    let speed = options.speed;
    let without = await runAt(speed, true);
    while (without.failures.length > 0 || without.run.maxLatenessMs > compressed(speed).SHORT * 1000) {
      const slower = slowerThan(speed, without.sustained);
      if (slower === undefined) break;
      options.onStep(
        `the machine keeps up with ${Math.floor(without.sustained)} times at most: again, slower`,
      );
      speed = slower;
      without = await runAt(speed, true);
    }
    const cached = await runAt(speed, false);
    for (const { failures } of [without, cached])
      if (failures.length > 0)
        throw new Error(`${failures.length} requests failed, as\n${failures.slice(0, 10).join("\n")}`);
    return makeReport(without.run, cached.run);
  } finally {
    await redis.stop();
  }
}

interface PlayedRun {
  readonly run: Run;
  /** Answers that were no success. */
  readonly failures: readonly string[];
  /** How many times faster than life. */
  readonly sustained: number;
}

interface Circumstances {
  readonly today: string;
  readonly redisUrl: string;
  readonly ttl: TtlPreset;
  readonly compression: number;
  readonly observeOnly: boolean;
  readonly giveUpAfterMs: number;
}

async function onFreshBackend(
  options: ReplayOptions,
  { today, ...circumstances }: Circumstances,
): Promise<PlayedRun> {
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
      const played = await playInTime(backend, requests, circumstances, options);
      const { failures, maxLatenessMs, sustained } = played;
      const run = {
        queries: backend.queries() - before.queries,
        queriesBehind: backend.overlay.queriesBehind() - before.behind,
        views: since(viewsBefore, await backend.views()),
        maxLatenessMs,
        modules: await backend.modules(),
        advice: backend.advice(),
        missReasons: backend.missReasons(),
      };
      return { run, failures, sustained };
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
  { compression, giveUpAfterMs }: Pick<Circumstances, "compression" | "giveUpAfterMs">,
  { onProgress, onStep }: ReplayOptions,
): Promise<Played> {
  for (const tenantId of new Set(requests.map((request) => request.tenantId))) await backend.warm(tenantId);
  const played = await play({
    backend,
    requests,
    compression,
    giveUpAfterMs,
    onProgress: (done) => onProgress?.(done, requests.length),
  });
  onStep(`${requests.length} requests, the slowest answered ${played.maxLatenessMs} ms after it was due`);
  return played;
}
