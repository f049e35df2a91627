// Neighbours: the hit ratio of a quiet tenant alone, beside noisy ones, and with a reservation; counted in loads, not timed.
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { createTenantCache, type TenantCache, type TenantCacheOptions } from "../../src/index.js";
import type { Bench } from "../bench.js";
import type { SuiteReport } from "../report.js";

const KIB = 1024;
const MIB = 1024 * KIB;
const VALUES = 20;
const VALUE_BYTES = 8 * KIB;
const NOISY = 2;
/** In each round the neighbours store a multiple of what there is room for. */
const BURSTS = { quick: 30, full: 60 };
const BURST = 16;
const ROUNDS = 4;
/** What the quiet tenant's values take, with their books. */
const RESERVED_BYTES = 300 * KIB;
const POOLED_BYTES = 600 * KIB;
const TTL_SECONDS = 3600;
/** As decision 21 asks for: what is reserved and the pool, a quarter for the allocator, and 10 MiB for connections. */
const SERVER_BYTES = Math.ceil(1.25 * ((NOISY + 1) * RESERVED_BYTES + POOLED_BYTES)) + 10 * MIB;
const MOST_POINTS_LOST = 0.01;
const READY_WITHIN_MS = 10_000;

interface Seen {
  readonly hitRatio: number;
  /** Keys that the server itself has evicted meanwhile. */
  readonly evicted: number;
}

interface Store {
  readonly title: string;
  open(reservedBytes: number): Promise<TenantCache>;
  evicted(): Promise<number>;
  close(): Promise<void>;
}

export async function neighbours(bench: Bench): Promise<SuiteReport> {
  const bursts = bench.options.quick ? BURSTS.quick : BURSTS.full;
  const seen: { title: string; alone: Seen; beside: Seen; reserved: Seen }[] = [];
  for (const open of [inProcess, () => inRedis(bench)]) {
    const store = await open();
    try {
      seen.push({
        title: store.title,
        alone: await measure(store, 0, 0),
        beside: await measure(store, bursts, 0),
        reserved: await measure(store, bursts, RESERVED_BYTES),
      });
    } finally {
      await store.close();
    }
  }
  const shown = ({ hitRatio, evicted }: Seen) =>
    `${(hitRatio * 100).toFixed(1)} %${evicted > 0 ? `, ${evicted} evicted` : ""}`;
  return {
    suite: "neighbours",
    tables: [
      {
        title: "Neighbours: hit ratio of a quiet tenant",
        head: ["store", "alone", "beside noisy tenants", "beside them, with `reservedBytesPerTenant`"],
        rows: seen.map(({ title, alone, beside, reserved }) => [
          title,
          shown(alone),
          shown(beside),
          shown(reserved),
        ]),
      },
    ],
    verdicts: seen.map(({ title, alone, reserved }) => ({
      path: `quiet tenant, ${title}`,
      floor: "noisy neighbours cost it one point of hit ratio at most",
      figure: `${((alone.hitRatio - reserved.hitRatio) * 100).toFixed(1)} points`,
      reached: alone.hitRatio - reserved.hitRatio <= MOST_POINTS_LOST,
    })),
    failures: [],
    rounds: seen,
  };
}

async function inProcess(): Promise<Store> {
  const memory = { maxBytes: RESERVED_BYTES * NOISY + POOLED_BYTES, maxTenantShare: 0.9 };
  return {
    title: "in process",
    open: async (reservedBytesPerTenant) => createTenantCache({ ...COMMON, memory, reservedBytesPerTenant }),
    evicted: async () => 0,
    close: async () => undefined,
  };
}

async function inRedis(bench: Bench): Promise<Store> {
  const server = await bench.startRedis();
  const operator = new Redis(server.url);
  const figure = async (section: string, name: string) =>
    Number(new RegExp(`${name}:(\\d+)`).exec(await operator.info(section))?.[1]);
  const usedBytes = await figure("memory", "used_memory");
  await operator.config("SET", "maxmemory", String(usedBytes + SERVER_BYTES));
  await operator.config("SET", "maxmemory-policy", "allkeys-lru");
  return {
    title: "Redis, `allkeys-lru`",
    open: async (reservedBytesPerTenant) => {
      await operator.flushall();
      const shared = reservedBytesPerTenant > 0 && { reservedBytesPerTenant, maxPooledBytes: POOLED_BYTES };
      const cache = createTenantCache({ ...COMMON, redis: server.url, local: { maxBytes: 0 }, ...shared });
      if (!(await cache.ready(READY_WITHIN_MS))) throw new Error("neighbours: redis cannot be reached");
      return cache;
    },
    evicted: () => figure("stats", "evicted_keys"),
    close: async () => {
      operator.disconnect();
      await server.stop();
    },
  };
}

const COMMON: TenantCacheOptions = {
  tenant: () => undefined,
  // Hits are counted, not how fast a busy machine answers.
  budgetMs: 5000,
  logger: { info: () => undefined, warn: () => undefined, error: () => undefined },
};

async function measure(store: Store, bursts: number, reservedBytes: number): Promise<Seen> {
  const cache = await store.open(reservedBytes);
  const evictedBefore = await store.evicted();
  let loads = 0;
  let noise = 0;
  const ask = (tenant: string, n: number) =>
    cache.manager.tenant(tenant).getOrSet(
      `reports:${n}`,
      () => {
        if (tenant === "quiet") loads++;
        return randomBytes((VALUE_BYTES * 3) / 4).toString("base64");
      },
      { ttlSeconds: TTL_SECONDS },
    );
  const askAll = async () => {
    for (let n = 0; n < VALUES; n++) await ask("quiet", n);
    await cache.idle();
  };
  try {
    await askAll();
    const filled = loads;
    for (let round = 0; round < ROUNDS; round++) {
      for (let burst = 0; burst < bursts; burst++) {
        await Promise.all(Array.from({ length: BURST }, () => ask(`noisy-${noise % NOISY}`, noise++)));
        await cache.idle();
      }
      await askAll();
    }
    const evicted = (await store.evicted()) - evictedBefore;
    return { hitRatio: 1 - (loads - filled) / (VALUES * ROUNDS), evicted };
  } finally {
    await cache.close();
  }
}
