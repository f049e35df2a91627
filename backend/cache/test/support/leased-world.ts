// Caches that stand for processes of one app, whose lists are leased: one truth, one Redis, an HTTP server each.
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { sharedRedisUrl } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { openCache } from "./caches.js";
import { serveVersioned, type VersionedAppOptions } from "./versioned-app.js";

export interface LeasedWorldOptions extends VersionedAppOptions {
  readonly redis?: TenantCacheOptions["redis"];
  readonly cache?: Partial<TenantCacheOptions>;
}

export interface LeasedWorld {
  readonly truth: { version: number };
  readonly keyPrefix: string;
  readonly admin: Redis;
  /** Another process. */
  join(options?: LeasedWorldOptions): ReturnType<typeof joined>;
  /** What the registry says; `null` where there is none. */
  registry(): Promise<string | null>;
  /** The readers in the registry. */
  readers(): Promise<number>;
}

async function joined(
  world: Pick<LeasedWorld, "truth" | "keyPrefix">,
  { redis, cache: options, ...app }: LeasedWorldOptions,
) {
  const cache = await openCache("redis", {
    ...(redis !== undefined && { redis }),
    keyPrefix: world.keyPrefix,
    freshness: "leased",
    ...options,
  });
  const versioned = await serveVersioned(cache, { truth: world.truth, ...app });
  closeAfterTest(cache, versioned.app);
  return { cache, ...versioned };
}

/** @param url of the Redis that is looked at; the same that processes use by default */
export async function leasedWorld(url?: string): Promise<LeasedWorld> {
  const at = url ?? (await sharedRedisUrl());
  const admin = new Redis(at);
  admin.on("error", () => undefined);
  closeAfterTest({ close: async () => admin.disconnect() });
  const truth = { version: 0 };
  const keyPrefix = `leased:${randomUUID()}:`;
  const registry = () => admin.get(`${keyPrefix}fence:!readers`);
  return {
    truth,
    keyPrefix,
    admin,
    join: (options = {}) => joined({ truth, keyPrefix }, { redis: at, ...options }),
    registry,
    readers: async () => Math.max(0, ((await registry()) ?? "").split(" ").length - 4),
  };
}

/** Reads until hits of this process ask nobody: it holds a lease, and knows the fences. */
export async function becomesLeased(
  { read }: { read(path?: string): Promise<{ readonly cache: string }> },
  admin: Redis,
  path = "/list",
): Promise<void> {
  await until("hits that ask nobody", async () => {
    await read(path);
    const before = await reads(admin);
    let hits = 0;
    for (let n = 0; n < 3; n++) {
      // Handlers ask nobody, too, while the store is away.
      if ((await read(path)).cache === "hit") hits++;
      await delay(5);
    }
    return hits === 3 && (await reads(admin)) === before;
  });
}

/** `MGET`s that the server has answered. */
export async function reads(admin: Redis): Promise<number> {
  return Number(/^cmdstat_mget:calls=(\d+)/m.exec(await admin.info("commandstats"))?.[1] ?? 0);
}

/** @returns how long it took, milliseconds */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begunMs = performance.now();
  await work();
  return performance.now() - begunMs;
}
