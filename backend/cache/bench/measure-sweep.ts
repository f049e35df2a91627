// `npm run measure:sweep`: what an invalidation and the sweeps behind it cost, with 10 thousand to 1 million keys in the server.
import { randomUUID } from "node:crypto";
import Table from "cli-table3";
import { Redis } from "ioredis";
import { startRedisServer } from "../../servers/index.js";
import { createTenantCache } from "../src/index.js";
import { KeySpace } from "../src/store/key-space.js";
import { connect } from "../src/store/redis/connect.js";
import { RedisStore } from "../src/store/redis/redis-store.js";

/** As arguments: other numbers of keys. */
const SIZES = process.argv.length > 2 ? process.argv.slice(2).map(Number) : [10_000, 100_000, 1_000_000];
const TENANTS = 100;
const ROUNDS = 2000;
const GETS = 5000;
const HOUR_MS = 3_600_000;

const redis = await startRedisServer({ args: ["--maxmemory", "2gb"] });
const keys = new KeySpace("", false);
const client = new Redis(redis.url);
const store = new RedisStore(connect(redis.url), keys);
await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
const tenants = Array.from({ length: TENANTS }, () => randomUUID());
const generations = new Map<string, string>();
const invalidations = new Table({ head: ["keys", "SET, median", "invalidation, median", "ratio"] });
const sweeps = new Table({
  head: ["keys", "sweep", "took", "removed", "GET p99 before", "during", "after", "ratio"],
});
let filled = 0;

for (const size of SIZES) {
  await fillUpTo(size);
  invalidations.push([size.toLocaleString("en"), ...(await compareWithSet())]);
  const [tenant = "", other = ""] = tenants.splice(0, 2);
  await sweep(size, "a module, by its index", () => store.sweep([{ tenant, module: "accounts" }]), [
    keys.fence(tenant, "accounts"),
  ]);
  // The last one is not an hour ago.
  await client.del(keys.walkRest());
  await sweep(size, "a tenant, by a walk", () => store.sweepKeyspace([{ tenant: other }]), [
    keys.fence(other),
  ]);
}
console.log(invalidations.toString());
console.log(sweeps.toString());
client.disconnect();
await store.close();
await redis.stop();

async function compareWithSet(): Promise<string[]> {
  const set: number[] = [];
  const invalidation: number[] = [];
  const unseen = randomUUID();
  // On the connection of the SETs that it is compared with. Closed before the sweeps: its own would be in their way.
  const cache = createTenantCache({ redis: client, tenant: () => undefined });
  await cache.ready();
  for (let round = 0; round < ROUNDS; round++) {
    set.push(await time(() => client.set("plain", randomUUID(), "PX", HOUR_MS)));
    invalidation.push(await time(() => cache.invalidateTenantCache(unseen, "accounts")));
  }
  await cache.close();
  const [ofSet, ofInvalidation] = [quantile(set, 0.5), quantile(invalidation, 0.5)];
  return [micros(ofSet), micros(ofInvalidation), (ofInvalidation / ofSet).toFixed(2)];
}

async function sweep(
  size: number,
  name: string,
  work: () => Promise<number | undefined>,
  fences: readonly string[],
): Promise<void> {
  await store.replaceFences(fences, HOUR_MS);
  const get = () => client.get("plain");
  const before = await timeEach(get, GETS);
  const startedAtMs = performance.now();
  let tookMs = 0;
  const sweeping = work().finally(() => {
    tookMs = performance.now() - startedAtMs;
  });
  const during: number[] = [];
  while (tookMs === 0) during.push(await time(get));
  const removed = await sweeping;
  const after = await timeEach(get, GETS);
  const [ofBefore, ofDuring, ofAfter] = [before, during, after].map((times) => quantile(times, 0.99));
  sweeps.push([
    size.toLocaleString("en"),
    name,
    `${(tookMs / 1000).toFixed(1)} s`,
    removed ?? "-",
    micros(ofBefore),
    micros(ofDuring),
    micros(ofAfter),
    ((2 * (ofDuring ?? 0)) / ((ofBefore ?? 0) + (ofAfter ?? 0))).toFixed(2),
  ]);
}

/** Entries and indexes as the cache writes them, spread evenly over tenants and two modules. */
async function fillUpTo(size: number): Promise<void> {
  const value = Buffer.alloc(200);
  while (filled < size) {
    const pipeline = client.pipeline();
    for (const end = Math.min(size, filled + 5000); filled < end; filled++) {
      const tenant = tenants[filled % tenants.length] ?? "";
      const module = filled % (2 * tenants.length) < tenants.length ? "accounts" : "leads";
      const entryKey = keys.entry(tenant, module, randomUUID());
      pipeline.set(entryKey, value, "PX", HOUR_MS);
      pipeline.zadd(
        keys.index(tenant, module, await generationOf(tenant, module)),
        Date.now() + HOUR_MS,
        entryKey,
      );
    }
    await pipeline.exec();
  }
}

async function generationOf(tenant: string, module: string): Promise<string> {
  const name = `${tenant}:${module}`;
  const known = generations.get(name);
  if (known) return known;
  const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module)];
  await store.replaceFences(fenceKeys, HOUR_MS);
  const { fences } = await store.read(fenceKeys, []);
  const generation = fences.join("_");
  generations.set(name, generation);
  await client.zadd(keys.generations(tenant), Date.now() + HOUR_MS, `${module}:${generation}`);
  return generation;
}

async function time(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}

async function timeEach(work: () => Promise<unknown>, rounds: number): Promise<number[]> {
  const durationsMs: number[] = [];
  for (let round = 0; round < rounds; round++) durationsMs.push(await time(work));
  return durationsMs;
}

function quantile(values: readonly number[], of: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(of * sorted.length))] ?? Number.NaN;
}

function micros(durationMs = Number.NaN): string {
  return `${Math.round(durationMs * 1000)} µs`;
}
