// The stats of one tenant: they look at what it has, however many keys the server holds.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { createTenantCache, type TenantCache } from "../../src/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";

/** All are walked through within the five seconds that a report has for it, also where the machine is busy. */
const OTHERS = 5000;

describe("the stats of one tenant", () => {
  const tenantId = randomUUID();
  let server: RedisServer;
  let admin: Redis;
  let cache: TenantCache;

  beforeAll(async () => {
    server = await startRedisServer();
    admin = new Redis(server.url);
    cache = createTenantCache({ redis: server.url, tenant: () => undefined, logger: quiet, ...PATIENT });
    assert.ok(await cache.ready(READY_WITHIN_MS));
    const keys = Array.from({ length: OTHERS }, (_, n) => [`tenant:${randomUUID()}:accounts:list:${n}`, "x"]);
    await admin.mset(...keys.flat());
  });

  afterAll(async () => {
    await cache?.close();
    admin?.disconnect();
    await server?.stop();
  });

  const commands = async () => {
    const stats = await admin.info("commandstats");
    const calls = (name: string) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
    return { scan: calls("scan"), strlen: calls("strlen"), evalsha: calls("evalsha") };
  };

  /** Entries and bytes of a tenant, as the server has them. */
  async function counted(): Promise<{ entries: number; bytes: number }> {
    const keys = await admin.keys(`tenant:${tenantId}:*`);
    const sizes = await Promise.all(keys.map((key) => admin.strlen(key)));
    return { entries: keys.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  const set = async (module: string, count: number) => {
    const values = cache.manager.tenant(tenantId);
    for (let n = 0; n < count; n++) await values.set(`${module}:item:${n}`, { n, text: "x".repeat(n) });
    await cache.idle();
  };

  test("walk no keyspace, ask for the tenant's own entries alone, and say what the server holds", async () => {
    await set("orders", 30);
    await set("leads", 5);
    const before = await commands();
    const { totals, modules, inventoryComplete } = await cache.stats({ tenantId });
    const after = await commands();
    assert.deepEqual({ entries: totals.entries, bytes: totals.bytes }, await counted());
    assert.equal(totals.entries, 35);
    assert.equal(modules.orders?.entries, 30);
    assert.equal(inventoryComplete, true);
    assert.equal(after.scan - before.scan, 0);
    // And what probes the store.
    assert.ok(after.strlen - before.strlen < 50);
    // Of all tenants it is a walk.
    assert.equal((await cache.stats()).totals.entries, OTHERS + 35);
    assert.ok((await commands()).scan > after.scan);
  });

  test("count what was filled again once, and nothing that was evicted", async () => {
    await cache.invalidateTenantCache(tenantId, "leads");
    await set("leads", 3);
    await admin.del(...(await admin.keys(`tenant:${tenantId}:orders:item:1*`)));
    const { totals } = await cache.stats({ tenantId });
    assert.deepEqual({ entries: totals.entries, bytes: totals.bytes }, await counted());
  });

  test("are complete beyond a page of an index", async () => {
    await set("contacts", 1100);
    const { totals, modules } = await cache.stats({ tenantId });
    assert.deepEqual({ entries: totals.entries, bytes: totals.bytes }, await counted());
    assert.equal(modules.contacts?.entries, 1100);
  });

  test("of all tenants stop at so many keys, whoever's they are, and count fences on the way", async () => {
    const store = new RedisStore(connect(server.url), new KeySpace("a-small-app:", false));
    closeAfterTest(store);
    await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
    await store.replaceFences(["a-small-app:fence:a", "a-small-app:fence:a:orders"], 60_000);
    const before = await commands();
    const stopped = await store.inventory({ maxKeys: 3000 });
    assert.equal(stopped.complete, false);
    assert.ok((await commands()).scan - before.scan <= 5, "it looked at all keys of the server");
    const whole = await store.inventory({ maxKeys: 2 * OTHERS });
    assert.deepEqual(whole, { rows: [], complete: true, fences: 2 });
    assert.deepEqual(await store.inventory({ maxKeys: 2 * OTHERS, isAwaited: false }), whole, "in no hurry");
  });

  test("bytes of many tenants are asked for by one small command each, in their order", async () => {
    const store = new RedisStore(connect(server.url), new KeySpace("", false));
    closeAfterTest(store);
    await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
    const others = Array.from({ length: 300 }, () => randomUUID());
    const [alone = 0] = await store.tenantBytes([tenantId]);
    assert.ok(alone > 0);
    const scripts = async () => (await commands()).evalsha;
    const before = await scripts();
    const all = await store.tenantBytes([...others, tenantId, ...others]);
    assert.equal((await scripts()) - before, 0);
    assert.deepEqual(all, [...others.map(() => 0), alone, ...others.map(() => 0)]);
  });
});

test("the stats of a thousand tenants leave other requests their turns, and have each tenant's figures", async () => {
  const tenants = 1000;
  const many = createTenantCache({ tenant: () => undefined, logger: quiet });
  closeAfterTest(many);
  for (let index = 0; index < tenants; index++)
    await many.manager.tenant(`tenant-${index}`).set("orders:item:1", "x".repeat(index));
  await many.idle();
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  const { tenants: found = {} } = await many.stats({ perTenant: true });
  isOver = true;
  assert.equal(Object.keys(found).length, tenants);
  const sizes = ["tenant-100", "tenant-900"].map((tenant) => found[tenant]?.modules.orders?.bytes ?? 0);
  assert.equal((sizes[1] ?? 0) - (sizes[0] ?? 0), 800);
  assert.ok(turns >= tenants / 100, `${turns} turns`);
});
