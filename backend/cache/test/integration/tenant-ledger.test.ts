// The bytes of a tenant in Redis: what makes room first, and what becomes of the count when entries or books are lost.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import type { RedisStore } from "../../src/store/redis/redis-store.js";
import { LedgerWorld, openStore } from "../support/ledger-world.js";

const MINUTE_MS = 60_000;
const QUOTA = 20_000;
const keys = new KeySpace("", false);

describe("the ledger of a tenant", () => {
  let redis: RedisServer;
  let admin: Redis;
  let store: RedisStore;

  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    store = await openStore(redis.url, keys);
  });
  afterAll(async () => {
    admin.disconnect();
    await store.close();
    await redis.stop();
  });

  const newWorld = () => new LedgerWorld(admin, keys, QUOTA);
  const counted = async ({ tenant }: LedgerWorld) => (await store.tenantBytes([tenant]))[0] ?? -1;
  const walk = async (world: LedgerWorld) =>
    store.sweepKeyspace([{ tenant: world.tenant, adopt: true }], () => true);

  test("dead generations make room before anything live does", async () => {
    const world = newWorld();
    await world.put(store, { module: "accounts", name: "dead", bytes: 6000, ttlMs: 10 * MINUTE_MS });
    await store.replaceFences(world.fenceKeys("accounts").slice(1), MINUTE_MS);
    await world.put(store, { module: "accounts", name: "live", bytes: 6000 });
    await world.put(store, { module: "leads", name: "live", bytes: 6000 });
    const { outcome, evicted } = await world.put(store, { module: "leads", name: "more", bytes: 6000 });
    assert.deepEqual([outcome, evicted], ["stored", 0], "what is dead is no loss");
    const names = [
      ["accounts", "dead"],
      ["accounts", "live"],
      ["leads", "live"],
    ] as const;
    const there = await Promise.all(
      names.map(([module, name]) => admin.exists(world.entryKey(module, name))),
    );
    assert.deepEqual(there, [0, 1, 1]);
  });

  test("an entry does not make room for itself where a dead generation lists it, too", async () => {
    const world = newWorld();
    const same = { module: "accounts", name: "same", bytes: 12_000 };
    await world.put(store, same);
    await store.replaceFences(world.fenceKeys("accounts").slice(1), MINUTE_MS);
    assert.equal((await world.put(store, same)).outcome, "stored");
    const entryKey = world.entryKey("accounts", "same");
    assert.equal(await admin.strlen(entryKey), same.bytes);
    const life = await admin.pttl(entryKey);
    assert.ok(life > 0 && life <= MINUTE_MS, String(life));
  });

  test("of all modules' entries the one that expires soonest makes room, whenever it was stored; what has expired is no loss", async () => {
    const world = newWorld();
    for (const [name, ttlMs] of Object.entries({ first: 3, soon: 1, late: 2, gone: 0 })) {
      const module = ttlMs % 2 === 0 ? "accounts" : "leads";
      await world.put(store, { module, name, bytes: 4000, ttlMs: ttlMs * MINUTE_MS || 1 });
    }
    while ((await admin.exists(world.entryKey("accounts", "gone"))) > 0) await new Promise(setImmediate);
    const next = () => world.put(store, { module: "users", name: "next", bytes: 6000 });
    assert.deepEqual((await next()).evicted, 0, "the expired one was enough");
    assert.deepEqual((await world.put(store, { module: "users", name: "more", bytes: 4000 })).evicted, 1);
    const names = [
      ["leads", "first"],
      ["leads", "soon"],
      ["accounts", "late"],
    ] as const;
    const there = names.map(([module, name]) => admin.exists(world.entryKey(module, name)));
    assert.deepEqual(await Promise.all(there), [1, 0, 1]);
  });

  test("an entry of a dead generation that has been stored again is spared", async () => {
    const world = newWorld();
    await world.put(store, { module: "accounts", name: "again", bytes: 6000 });
    await store.replaceFences(world.fenceKeys("accounts").slice(1), MINUTE_MS);
    await world.put(store, { module: "accounts", name: "again", bytes: 6000 });
    const { evicted } = await world.put(store, { module: "leads", name: "more", bytes: 10_000 });
    assert.equal(evicted, 0);
    assert.equal(await admin.exists(world.entryKey("accounts", "again")), 1);
    assert.ok((await counted(world)) < 17_500, "counted once by now");
  });

  test("what the server has evicted is struck by the next walk, also one behind an invalidation", async () => {
    for (const adopt of [true, false]) {
      const world = newWorld();
      for (const name of ["a", "b", "c"]) await world.put(store, { module: "accounts", name, bytes: 5000 });
      await admin.del(world.entryKey("accounts", "a"), world.entryKey("accounts", "b"));
      // And what only another program's hand could do to the sums.
      const [, name = ""] = await admin.zrange(keys.ledger(world.tenant), "0", "-1");
      for (const of of [name, ""]) await admin.zincrby(keys.ledger(world.tenant), 700, of);
      assert.ok((await counted(world)) > 15_000, "nothing has told the server's books");
      const target = { tenant: world.tenant, ...(adopt ? { adopt } : { module: "accounts" }) };
      await store.sweepKeyspace([target], () => true);
      const { atLeast, atMost } = await world.sum({ liveOnly: false });
      const total = await counted(world);
      assert.ok(atLeast > 5000 && atLeast <= total && total <= atMost, `${atLeast} <= ${total} <= ${atMost}`);
    }
  });

  test("a lost index: what it listed stays counted until a walk has listed it again, and ends with its TTL if none comes", async () => {
    const world = newWorld();
    await world.put(store, { module: "accounts", name: "a", bytes: 5000 });
    const before = await counted(world);
    await admin.del(await world.index("accounts"));
    const { recount } = await world.put(store, { module: "accounts", name: "b", bytes: 5000 });
    assert.equal(recount, true, "a walk is asked for");
    assert.equal(await counted(world), 2 * before);
    // It cannot make room, as nothing knows its name; what is listed can.
    assert.equal((await world.put(store, { module: "leads", name: "c", bytes: 12_000 })).evicted, 1);
    await walk(world);
    const { atLeast, atMost } = await world.sum({ liveOnly: false });
    const total = await counted(world);
    assert.ok(atLeast > 17_000 && atLeast <= total && total <= atMost, `${atLeast} <= ${total} <= ${atMost}`);
    const full = await world.put(store, { module: "leads", name: "d", bytes: 12_000 });
    assert.deepEqual([full.outcome, full.evicted], ["stored", 2], "listed again, it makes room");

    const brief = newWorld();
    await brief.put(store, { module: "accounts", name: "a", bytes: 5000, ttlMs: 20 });
    await admin.del(await brief.index("accounts"));
    const again = () => brief.put(store, { module: "accounts", name: "b", bytes: 100, ttlMs: 1 });
    while ((await again()) && (await counted(brief)) > 2000) await new Promise(setImmediate);
  });

  test("an index that is lost again: what it listed the first time stays counted as long as it may be there", async () => {
    const world = newWorld();
    const storedAtMs = Date.now();
    await world.put(store, { module: "accounts", name: "a", bytes: 5000, ttlMs: 10 * MINUTE_MS });
    for (const name of ["b", "c", "d"]) {
      await admin.del(await world.index("accounts"));
      await world.put(store, { module: "accounts", name, bytes: 1000, ttlMs: MINUTE_MS });
    }
    const generations = await admin.zrange(keys.generations(world.tenant), "0", "-1", "WITHSCORES");
    const lost = generations.findIndex((name) => name.startsWith("~accounts:"));
    assert.ok(Number(generations[lost + 1]) >= storedAtMs + 10 * MINUTE_MS, generations.join(" "));
    const { atLeast, atMost } = await world.sum({ liveOnly: true });
    const total = await counted(world);
    assert.ok(atLeast > 8000 && atLeast <= total && total <= atMost, `${atLeast} <= ${total} <= ${atMost}`);
  });

  test("nothing to take from: an entry is not stored, and what was there under its key goes", async () => {
    const world = newWorld();
    await world.put(store, { module: "accounts", name: "lost", bytes: 15_000 });
    await admin.del(await world.index("accounts"));
    await world.put(store, { module: "accounts", name: "b", bytes: 1000 });
    const { outcome, evicted } = await world.put(store, { module: "accounts", name: "b", bytes: 9000 });
    assert.deepEqual([outcome, evicted], ["no-room", 0]);
    assert.equal(await admin.exists(world.entryKey("accounts", "b")), 0);
    const { atLeast, atMost } = await world.sum({ liveOnly: true });
    const total = await counted(world);
    assert.ok(atLeast > 15_000 && atLeast <= total && total <= atMost);
  });

  test("everything lost: a tenant that is not new asks for a walk, which lists again and removes nothing", async () => {
    const world = newWorld();
    for (const name of ["a", "b"]) await world.put(store, { module: "accounts", name, bytes: 5000 });
    const [fenceKey] = world.fenceKeys("accounts");
    assert.equal((await world.put(store, { module: "leads", name: "c", bytes: 1 })).recount, false);
    const old = `${"x".repeat(16)}.${Date.now() - 10 * MINUTE_MS}`;
    await admin.set(fenceKey, old, "PX", MINUTE_MS);
    const aged = new LedgerWorld(admin, keys, QUOTA, world.tenant);
    for (const name of ["a", "b"]) await aged.put(store, { module: "accounts", name, bytes: 5000 });
    await admin.del(keys.ledger(world.tenant), keys.generations(world.tenant), await aged.index("accounts"));
    assert.equal((await aged.put(store, { module: "leads", name: "c", bytes: 1 })).recount, true);
    assert.equal((await aged.put(store, { module: "leads", name: "d", bytes: 1 })).recount, false, "once");
    assert.equal(await walk(aged), 0);
    const { atLeast, atMost } = await aged.sum({ liveOnly: false });
    const total = await counted(aged);
    assert.ok(atLeast > 10_000 && atLeast <= total && total <= atMost, `${atLeast} <= ${total} <= ${atMost}`);
  });

  const assertExact = async (world: LedgerWorld) => {
    const { atLeast, atMost } = await world.sum({ liveOnly: false });
    const total = (await world.ledger()) ?? -1;
    assert.ok(atLeast > 0 && atLeast <= total && total <= atMost, `${atLeast} <= ${total} <= ${atMost}`);
  };

  test("a lost ledger is added up before anything is taken off: also by a store that adds nothing and has others make room", async () => {
    const world = newWorld();
    for (const name of ["a", "b", "c", "d", "e"])
      await world.put(store, { module: "accounts", name, bytes: 3000 });
    await admin.del(keys.ledger(world.tenant));
    await world.put(store, { module: "accounts", name: "e", bytes: 3000, maxEntries: 3 });
    await assertExact(world);
    await world.put(store, { module: "accounts", name: "e", bytes: 2000 });
    await assertExact(world);
  });

  test("an index that a lost ledger and lost generations have left uncounted: nothing of it is taken off, and whoever meets it counts it", async () => {
    const lose = async () => {
      const world = newWorld();
      for (const name of ["a", "b"]) await world.put(store, { module: "leads", name, bytes: 6000 });
      await admin.del(keys.ledger(world.tenant), keys.generations(world.tenant));
      await world.put(store, { module: "accounts", name: "c", bytes: 1000 });
      return world;
    };
    const stored = await lose();
    await stored.put(store, { module: "leads", name: "a", bytes: 100 });
    await assertExact(stored);

    const removed = await lose();
    const before = await removed.ledger();
    await store.remove(removed.entryKey("leads", "a"));
    assert.equal(await removed.ledger(), before);
    await removed.put(store, { module: "leads", name: "d", bytes: 100 });
    await assertExact(removed);

    const walked = await lose();
    await walk(walked);
    await assertExact(walked);
  });

  test("entries of the version before, listed without a size: they make room, and a walk counts them", async () => {
    const world = newWorld();
    await world.put(store, { module: "accounts", name: "new", bytes: 1000 });
    const before = await counted(world);
    const entryKey = world.entryKey("accounts", "former");
    await admin.set(entryKey, Buffer.alloc(9000), "PX", MINUTE_MS);
    await admin.zadd(await world.index("accounts"), Date.now() + MINUTE_MS / 2, entryKey);
    assert.equal(await counted(world), before);
    await walk(world);
    assert.ok((await counted(world)) > before + 9000);
    await world.put(store, { module: "leads", name: "a", bytes: 18_000 });
    assert.equal(await admin.exists(entryKey), 0);
  });

  test("a ledger leaves nothing behind: its keys end, and no other tenant's change", async () => {
    const world = newWorld();
    const neighbour = newWorld();
    await neighbour.put(store, { module: "accounts", name: "n", bytes: 15_000 });
    for (let index = 0; index < 50; index++)
      await world.put(store, { module: "accounts", name: `h${index}`, bytes: 5000 });
    assert.equal(await admin.exists(neighbour.entryKey("accounts", "n")), 1);
    for (const key of [keys.ledger(world.tenant), keys.generations(world.tenant)])
      assert.ok((await admin.pttl(key)) > 0, key);
    await store.replaceFences([keys.fence(world.tenant)], MINUTE_MS);
    await store.sweep([{ tenant: world.tenant }]);
    assert.deepEqual(await admin.zrange(keys.ledger(world.tenant), "0", "-1", "WITHSCORES"), ["", "0"]);
  });
});
