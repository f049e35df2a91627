// The bytes of a tenant in Redis: counted without drift, whatever expires, is evicted, deleted by hand or lost, and never above the quota.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import fc from "fast-check";
import { Redis } from "ioredis";
import { KeySpace } from "../../cache/store/key-space.js";
import { connect } from "../../cache/store/redis/connect.js";
import { LISTINGS } from "../../cache/store/redis/lua-parts.js";
import { RedisStore } from "../../cache/store/redis/redis-store.js";
import { type RedisServer, startRedisServer } from "../services/index.js";
import { LedgerWorld } from "../support/ledger-world.js";

const MINUTE_MS = 60_000;
const QUOTA = 20_000;
const keys = new KeySpace("", false);
const MODULES = ["accounts", "leads"] as const;

describe("the ledger of a tenant", () => {
  let redis: RedisServer;
  let admin: Redis;
  let store: RedisStore;
  let otherProcess: RedisStore;

  before(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    [store, otherProcess] = await Promise.all([openStore(), openStore()]);
  });
  after(async () => {
    admin.disconnect();
    await Promise.all([store.close(), otherProcess.close()]);
    await redis.stop();
  });

  async function openStore(): Promise<RedisStore> {
    const opened = new RedisStore(connect(redis.url), keys);
    await new Promise<void>((resolve) => opened.listen({ up: resolve, down: () => undefined }));
    return opened;
  }
  const newWorld = () => new LedgerWorld(admin, keys, QUOTA);
  const counted = async ({ tenant }: LedgerWorld) => (await store.tenantBytes([tenant]))[0] ?? -1;
  const walk = async (world: LedgerWorld) => store.sweepKeyspace([{ tenant: world.tenant, adopt: true }]);

  test("a listing says to within 1.6 % what an entry counts, never less, and exactly when it expires", async () => {
    const script = `${LISTINGS} local score = listing(tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]))
      return { string.format('%.17g', score), string.format('%.17g', bytesOf(string.format('%.17g', score))) }`;
    const inputs = fc.tuple(
      fc.integer({ min: Date.UTC(2020), max: Date.UTC(2100) }),
      fc.string({ minLength: 1, maxLength: 300 }),
      fc.oneof(fc.nat({ max: 4096 }), fc.nat({ max: 512 * 1024 * 1024 })),
    );
    await fc.assert(
      fc.asyncProperty(inputs, async ([expiresAtMs, entryKey, bytes]) => {
        const reply = (await admin.eval(script, 0, expiresAtMs, entryKey, bytes)) as string[];
        const [score = Number.NaN, size = Number.NaN] = reply.map(Number);
        const cost = bytes + 2 * Buffer.byteLength(entryKey) + 256;
        assert.equal(Math.floor(score), expiresAtMs);
        assert.ok(Number.isInteger(size) && size >= cost && size <= (cost * 65) / 64 + 1, `${cost}: ${size}`);
      }),
    );
  });

  /** One kind of loss at a time: what ledger and index both have lost, nothing knows before a walk. */
  const operation = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        do: fc.constant("put" as const),
        module: fc.constantFrom(...MODULES),
        name: fc.constantFrom("a", "b", "c", "d", "e"),
        bytes: fc.oneof(
          fc.integer({ min: 1, max: 500 }),
          fc.integer({ min: 1, max: 9000 }),
          fc.constant(QUOTA),
        ),
        ttlMs: fc.constantFrom(1, MINUTE_MS, 2 * MINUTE_MS),
        maxEntries: fc.constantFrom(3, 1000),
        atOnce: fc.boolean(),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        do: fc.constantFrom("invalidate" as const),
        module: fc.constantFrom(...MODULES),
      }),
    },
    {
      weight: 5,
      arbitrary: fc.record({
        do: fc.constantFrom(
          "invalidate tenant" as const,
          "sweep" as const,
          "walk" as const,
          "walk after an invalidation" as const,
          "remove" as const,
          "evict entry" as const,
          "lose" as const,
          "lose" as const,
        ),
        module: fc.constantFrom(...MODULES),
        name: fc.constantFrom("a", "b", "c", "d", "e"),
      }),
    },
  );

  test("whatever happens, no live entry is uncounted, the quota holds, and a walk leaves nothing too much", async () => {
    const runs = fc.tuple(
      fc.constantFrom("ledger" as const, "index" as const),
      fc.array(operation, { minLength: 5, maxLength: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(runs, async ([loses, operations]) => {
        const world = newWorld();
        const { tenant } = world;
        for (const operation of operations) {
          switch (operation.do) {
            case "put": {
              const others = operation.atOnce ? [{ ...operation, name: "z", bytes: 3000 }] : [];
              await Promise.all([
                world.put(store, operation),
                ...others.map((other) => world.put(otherProcess, other)),
              ]);
              break;
            }
            case "invalidate":
              await store.replaceFences(world.fenceKeys(operation.module).slice(1), MINUTE_MS);
              break;
            case "invalidate tenant":
              await store.replaceFences([keys.fence(tenant)], MINUTE_MS);
              break;
            case "sweep":
              await store.sweep([{ tenant }]);
              break;
            case "walk":
              await walk(world);
              break;
            case "walk after an invalidation":
              await store.replaceFences(world.fenceKeys(operation.module).slice(1), MINUTE_MS);
              await store.sweepKeyspace([{ tenant, module: operation.module }]);
              break;
            case "remove":
              await store.remove(world.entryKey(operation.module, operation.name));
              break;
            case "evict entry":
              await admin.del(world.entryKey(operation.module, operation.name));
              break;
            case "lose":
              await admin.del(loses === "ledger" ? keys.ledger(tenant) : await world.index(operation.module));
          }
          const ledger = await world.ledger();
          const live = await world.sum({ liveOnly: true });
          if (ledger !== undefined)
            assert.ok(live.atLeast <= ledger, `${operation.do}: ${live.atLeast} <= ${ledger}`);
          assert.ok(live.atLeast <= QUOTA, `${operation.do}: ${live.atLeast} <= ${QUOTA}`);
        }
        await store.sweep([{ tenant }]);
        await walk(world);
        // Where the ledger is lost, the next store adds it up.
        await world.put(store, { module: "accounts", name: "last", bytes: 1 });
        const total = await counted(world);
        const { atLeast, atMost } = await world.sum({ liveOnly: false });
        assert.ok(atLeast <= total && total <= atMost + 1, `${atLeast} <= ${total} <= ${atMost}`);
      }),
      { numRuns: 30 },
    );
  });

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
      await store.sweepKeyspace([{ tenant: world.tenant, ...(adopt ? { adopt } : { module: "accounts" }) }]);
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
