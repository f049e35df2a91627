// Fences in Redis live as long as what is stored under them, though not each store looks at all of them.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { sharedRedisUrl } from "../../../servers/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect as connectStore } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

describe("fences in Redis", () => {
  const keys = new KeySpace(`lives:${randomUUID()}:`, false);
  const [tenant, module] = [randomUUID(), "m"];
  const fenceKeys = [keys.fence(tenant), keys.fence(tenant, module), keys.tagFence(tenant, "t")];
  let store: RedisStore;
  let admin: Redis;

  beforeAll(async () => {
    store = new RedisStore(connectStore(await sharedRedisUrl()), keys);
    admin = new Redis(await sharedRedisUrl());
    await new Promise<void>((up) => store.listen({ up, down: () => undefined }));
  });
  afterAll(async () => {
    await store.close();
    admin.disconnect();
  });

  /** @returns how long its fences live, at least, and its index, milliseconds */
  async function put(hash: string, bytes: number, ttlMs: number, fenceTtlMs: number) {
    const entryKey = keys.entry(tenant, module, hash);
    const { fences } = await store.beginFill({ entryKey, fenceKeys, fenceTtlMs });
    const value = [Buffer.alloc(bytes, 1)];
    const fill = { tenant, module, entryKey, value, ttlMs, maxEntries: 100, fenceKeys, fences, fenceTtlMs };
    assert.equal((await store.commitFill(fill)).outcome, "stored");
    const lives = await Promise.all(fenceKeys.map((key) => admin.pttl(key)));
    const index = await admin.pttl(keys.index(tenant, module, `${fences[0]}_${fences[1]}`));
    const own = await admin.pttl(entryKey);
    assert.ok(own > 0 && own <= ttlMs && index >= own, `${own} ${index}`);
    for (const life of lives) assert.ok(life >= own, `${life} of ${own}`);
    return { lives, index };
  }

  test("they outlive the index that they name, and all that it may still list", async () => {
    const first = await put("1", 100, HOUR_MS, HOUR_MS + 60 * SECOND_MS);
    // Whatever is stored in the next hour does not look at them again.
    assert.ok(first.index > 1.9 * HOUR_MS);
    for (const life of first.lives) assert.ok(life >= first.index, `${life} of ${first.index}`);
    await put("2", 20_000, 0.9 * HOUR_MS, HOUR_MS);
    const last = await put("3", 100, 10 * HOUR_MS, 11 * HOUR_MS);
    for (const life of last.lives) assert.ok(life >= last.index, `${life} of ${last.index}`);
  });

  test("a tag's fence, which names no index, is looked at by each store", async () => {
    const tagKey = fenceKeys[2] ?? "";
    await admin.pexpire(tagKey, 60 * SECOND_MS);
    const { lives } = await put("4", 100, HOUR_MS, 2 * HOUR_MS);
    assert.ok((lives[2] ?? 0) >= 1.99 * HOUR_MS, String(lives));
  });
});
