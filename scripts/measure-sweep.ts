// `npm run measure:sweep`: what an invalidation and the sweep behind it cost, with 10 thousand to 1 million keys in the server.
import { randomUUID } from "node:crypto";
import Table from "cli-table3";
import { Redis } from "ioredis";
import { KeySpace } from "../backend/cache/store/key-space.js";
import { connect } from "../backend/cache/store/redis/connect.js";
import { RedisStore } from "../backend/cache/store/redis/redis-store.js";
import { startRedisServer } from "../backend/test/services/index.js";

const SIZES = [10_000, 100_000, 1_000_000];
const TENANTS = 100;
const ROUNDS = 500;
const HOUR_MS = 3_600_000;

const redis = await startRedisServer({ args: ["--maxmemory", "2gb"] });
const keys = new KeySpace("", false);
const store = new RedisStore(connect(redis.url), keys);
await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
const client = new Redis(redis.url);
const table = new Table({
  head: [
    "keys",
    "SET, median",
    "invalidation, median",
    "ratio",
    "sweep",
    "removed",
    "GET p99 quiet",
    "during sweep",
    "ratio",
  ],
});
const tenants = Array.from({ length: TENANTS }, () => randomUUID());
let filled = 0;

for (const size of SIZES) {
  await fillUpTo(size);
  const [swept = ""] = tenants;
  const fence = keys.fence(swept, "accounts");
  const set = await timeEach(() => client.set("plain", randomUUID(), "PX", HOUR_MS));
  const invalidation = await timeEach(() => store.replaceFences([fence], HOUR_MS));
  const get = () => client.get("plain");
  const quiet = await timeEach(get);
  const startedAtMs = performance.now();
  let isSweeping = true;
  const sweep = store.sweep([{ tenant: swept, module: "accounts" }]).finally(() => {
    isSweeping = false;
  });
  const during: number[] = [];
  while (isSweeping) during.push(...(await timeEach(get, 20)));
  const removed = await sweep;
  const sweepMs = performance.now() - startedAtMs;
  table.push([
    size.toLocaleString("en"),
    micros(quantile(set, 0.5)),
    micros(quantile(invalidation, 0.5)),
    (quantile(invalidation, 0.5) / quantile(set, 0.5)).toFixed(2),
    `${sweepMs.toFixed(0)} ms`,
    removed,
    micros(quantile(quiet, 0.99)),
    micros(quantile(during, 0.99)),
    (quantile(during, 0.99) / quantile(quiet, 0.99)).toFixed(2),
  ]);
}
console.log(table.toString());
client.disconnect();
await store.close();
await redis.stop();

/** Entries as the cache names them, spread evenly over tenants and two modules. */
async function fillUpTo(size: number): Promise<void> {
  const value = Buffer.alloc(200);
  while (filled < size) {
    const pipeline = client.pipeline();
    for (const end = Math.min(size, filled + 5000); filled < end; filled++) {
      const tenant = tenants[filled % TENANTS] ?? "";
      const module = filled % (2 * TENANTS) < TENANTS ? "accounts" : "leads";
      pipeline.set(keys.entry(tenant, module, randomUUID()), value, "PX", HOUR_MS);
    }
    await pipeline.exec();
  }
}

async function timeEach(work: () => Promise<unknown>, rounds = ROUNDS): Promise<number[]> {
  const durationsMs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const startedAtMs = performance.now();
    await work();
    durationsMs.push(performance.now() - startedAtMs);
  }
  return durationsMs;
}

function quantile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(of * sorted.length))] ?? Number.NaN;
}

function micros(durationMs: number): string {
  return `${Math.round(durationMs * 1000)} µs`;
}
