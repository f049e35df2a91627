// Purges and removals by pattern that end halfway: whatever they cut off all the same has a cause, in all processes.
import assert from "node:assert/strict";
import { describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { startRedisServer } from "../../../servers/index.js";
import { type InvalidatedEvent, MemoryStore, type TenantCacheOptions } from "../../src/index.js";
import { openCache, READY_WITHIN_MS, type StoreName } from "../support/caches.js";
import { serve } from "../support/http-app.js";

async function open(store: StoreName, options: Partial<TenantCacheOptions>) {
  const cache = await openCache(store, { causes: { shared: true }, ...options });
  const app = await serve((express) => {
    for (const name of ["users", "orders"])
      express.get(`/${name}`, cache.cacheList(name, 600), (_req, res) => void res.json({}));
  });
  afterTest(async () => {
    await app.close();
    await cache.close();
  });
  const heard: InvalidatedEvent[] = [];
  cache.events.on("invalidated", (event) => heard.push(event));
  const explain = (url: string, tenant: string) => cache.explain({ url, tenant });
  return { ...app, cache, heard, explain };
}

/** A store that removes some of what matches, and then does not. */
class Halfway extends MemoryStore {
  constructor() {
    super({ maxBytes: 1_000_000, maxTenantBytes: 1_000_000 });
    const { removeMatching } = this.keyed;
    this.keyed.removeMatching = async (match) => {
      await removeMatching.call(this.keyed, { ...match, pattern: match.pattern.replace("*", "1*") });
      throw new Error("halfway");
    };
  }
}

describe.each(["memory", "redis"] as const)("a removal by pattern that fails halfway, %s", (name) => {
  async function openHalfway() {
    if (name === "memory") return open("memory", { store: () => new Halfway() });
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const admin = new Redis(server.url);
    // It may not walk through keys.
    await admin.call("ACL", "SETUSER", "halfway", "on", ">secret", "~*", "&*", "+@all", "-scan");
    admin.disconnect();
    return open("redis", { redis: server.url.replace("://", "://halfway:secret@") });
  }

  test("what is cut off instead says which call it was, of whom; it is an event, too", async () => {
    const { cache, request, explain, heard } = await openHalfway();
    const space = cache.manager.tenant("tenant-1");
    const cases = [
      ["deletePattern", () => space.deletePattern("users:profile:*"), ["users"]],
      ["flush", () => space.flush(), []],
      ["import", () => cache.because({ job: "import" }, () => space.deletePattern("users:*")), ["users"]],
    ] as const;
    for (const [call, work, modules] of cases) {
      for (const url of ["/users", "/orders"]) await request(url);
      await space.set("users:profile:1", "one");
      await cache.idle();
      assert.deepEqual(await work(), { removed: 0, confirmed: true });
      const { miss } = await explain("/users", "tenant-1");
      const cause = miss?.fencedBy?.at(-1)?.cause;
      assert.deepEqual([call, miss?.reason, cause?.name, cause?.modules], [call, "fenced", call, modules]);
      assert.equal(cause?.kind, call === "import" ? "job" : "call");
      const orders = (await explain("/orders", "tenant-1")).verdict;
      assert.equal(orders, modules.length === 0 ? "miss" : "hit");
      assert.equal(await space.get("users:profile:1"), undefined);
      assert.deepEqual([heard.at(-1)?.name, heard.at(-1)?.modules], [call, modules]);
    }
  });
});

test.each([
  ["each waits by itself", {}, ["miss operator", "miss recovery"]],
  ["so many that all is forgotten", { maxPendingInvalidations: 10 }, ["miss recovery"]],
] as const)(
  "a purge of all tenants whose server hangs halfway, %s: each tenant has a cause",
  async (_name, options, expected) => {
    const server = await startRedisServer();
    afterTest(() => server.stop());
    const redis = { redis: server.url, budgetMs: 2000, ...options };
    const { cache, request, explain, heard } = await open("redis", redis);
    const tenants = Array.from({ length: 120 }, (_, n) => `tenant-${n}`);
    await Promise.all(tenants.map((tenant) => request("/users", { tenant })));
    await cache.idle();
    let isPaused: Promise<void> | undefined;
    cache.events.on("invalidated", () => {
      isPaused ??= server.pause();
    });
    const confirmed = await cache.because({ reason: "wrong prices" }, () => cache.clear());
    await isPaused;
    assert.equal(confirmed, false);
    await server.resume();
    assert.equal(await cache.ready(READY_WITHIN_MS), true);
    const kinds: Record<string, number> = {};
    for (const tenant of tenants) {
      const { verdict, miss } = await explain("/users", tenant);
      const kind = miss?.fencedBy?.at(-1)?.cause?.kind ?? "not known";
      kinds[`${verdict} ${kind}`] = (kinds[`${verdict} ${kind}`] ?? 0) + 1;
      const all = await cache.causes({ tenant });
      assert.ok(all.length > 0 && all.every(({ everything }) => everything), tenant);
    }
    assert.deepEqual(Object.keys(kinds).sort(), expected, JSON.stringify(kinds));
    const own = heard.filter(({ kind }) => kind === "operator");
    assert.ok(own.some(({ confirmed: isDone }) => isDone) && own.every(({ everything }) => everything));
  },
);
