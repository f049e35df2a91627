// The ledger of a tenant under random operations: no live entry is uncounted, the quota holds, and a walk leaves nothing too much.
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import fc from "fast-check";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { LISTINGS } from "../../src/store/redis/lua-parts.js";
import type { RedisStore } from "../../src/store/redis/redis-store.js";
import { LedgerWorld, openStore } from "../support/ledger-world.js";

const MINUTE_MS = 60_000;
const QUOTA = 20_000;
const keys = new KeySpace("", false);
const MODULES = ["accounts", "leads"] as const;

describe("the ledger of a tenant, whatever happens", () => {
  let redis: RedisServer;
  let admin: Redis;
  let store: RedisStore;
  let otherProcess: RedisStore;

  beforeAll(async () => {
    redis = await startRedisServer();
    admin = new Redis(redis.url);
    [store, otherProcess] = await Promise.all([openStore(redis.url, keys), openStore(redis.url, keys)]);
  });
  afterAll(async () => {
    admin.disconnect();
    await Promise.all([store.close(), otherProcess.close()]);
    await redis.stop();
  });

  const walk = (tenant: string) => store.sweepKeyspace([{ tenant, adopt: true }], () => true);

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
          // Overwritten by as much, an entry changes no sum.
          fc.constant(2000),
          fc.integer({ min: 1, max: 500 }),
          fc.integer({ min: 1, max: 9000 }),
          fc.constant(QUOTA),
        ),
        // But for what lives a millisecond, no entry ends while a run is under way.
        ttlMs: fc.constantFrom(1, 60 * MINUTE_MS, 120 * MINUTE_MS),
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

  test("no live entry is uncounted, the quota holds, and a walk leaves nothing too much", async () => {
    const runs = fc.tuple(
      fc.constantFrom("ledger" as const, "index" as const, "generations" as const),
      fc.array(operation, { minLength: 5, maxLength: 40 }),
    );
    await fc.assert(
      fc.asyncProperty(runs, async ([loses, operations]) => {
        const world = new LedgerWorld(admin, keys, QUOTA);
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
              await walk(tenant);
              break;
            case "walk after an invalidation":
              await store.replaceFences(world.fenceKeys(operation.module).slice(1), MINUTE_MS);
              await store.sweepKeyspace([{ tenant, module: operation.module }], () => true);
              break;
            case "remove":
              await store.remove(world.entryKey(operation.module, operation.name));
              break;
            case "evict entry":
              await admin.del(world.entryKey(operation.module, operation.name));
              break;
            case "lose":
              await admin.del(loses === "index" ? await world.index(operation.module) : keys[loses](tenant));
          }
          const ledger = await world.ledger();
          const live = await world.sum({ liveOnly: true });
          if (ledger !== undefined)
            assert.ok(live.atLeast <= ledger, `${operation.do}: ${live.atLeast} <= ${ledger}`);
          assert.ok(live.atLeast <= QUOTA, `${operation.do}: ${live.atLeast} <= ${QUOTA}`);
        }
        await store.sweep([{ tenant }]);
        await walk(tenant);
        // Where the ledger is lost, the next store adds it up.
        await world.put(store, { module: "accounts", name: "last", bytes: 1 });
        const [total = -1] = await store.tenantBytes([tenant]);
        const { atLeast, atMost } = await world.sum({ liveOnly: false });
        assert.ok(atLeast <= total, `${atLeast} <= ${total}`);
        // Without the generations nobody knows when what is in no index has ended: it stays counted meanwhile.
        if (loses !== "generations") assert.ok(total <= atMost + 1, `${total} <= ${atMost}`);
      }),
      { numRuns: 30 },
    );
  });
});
