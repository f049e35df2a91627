// Locks: one holder at a time across processes, given back by its owner only, and told when it is lost.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import { Redis } from "ioredis";
import { sharedRedisUrl } from "../../../servers/index.js";
import { startTcpProxy } from "../../../servers/tcp-proxy.js";
import { until } from "../../../servers/until.js";
import type { CacheSpace, LockOptions, TenantCache } from "../../src/index.js";
import { openCache, STORES } from "../support/caches.js";
import { gate } from "../support/http-app.js";

/** Short enough to be waited for, long enough that a busy machine renews in time. */
const TTL_MS = 1500;

/** Takes a lock, and resolves once the work has it. */
async function held<T>(
  space: CacheSpace,
  name: string,
  options: LockOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<{ readonly end: Promise<T> }> {
  const begun = gate();
  const end = space.withLock(name, options, (signal) => {
    begun.open();
    return work(signal);
  });
  await Promise.race([begun.passed, end]);
  return { end };
}

describe("locks", () => {
  for (const store of STORES) {
    describe(`with the ${store} store`, () => {
      const keyPrefix = `test:${randomUUID()}:`;
      const tenant = randomUUID();
      const caches: TenantCache[] = [];
      let one: CacheSpace;
      let two: CacheSpace;

      beforeAll(async () => {
        caches.push(await openCache(store, { keyPrefix }));
        if (store !== "memory") caches.push(await openCache(store, { keyPrefix }));
        const spaces = caches.map(({ manager }) => manager.tenant(tenant));
        const [first] = spaces;
        assert.ok(first);
        one = first;
        two = spaces.at(-1) ?? first;
      });
      afterAll(() => Promise.all(caches.map((cache) => cache.close())));

      test("at most one works at a time, and all get their turn", async () => {
        let working = 0;
        let most = 0;
        const work = async () => {
          most = Math.max(most, ++working);
          await delay(2);
          working--;
        };
        const spaces = Array.from({ length: 10 }, (_, n) => (n % 2 === 0 ? one : two));
        await Promise.all(spaces.map((space) => space.withLock("jobs:import", { waitMs: 60_000 }, work)));
        assert.deepEqual([most, working], [1, 0]);
      });

      test("whoever does not wait is refused at once; the result comes through", async () => {
        const release = gate();
        const holding = await held(one, "jobs:a", {}, async () => {
          await release.passed;
          return "done";
        });
        await assert.rejects(
          two.withLock("jobs:a", {}, () => assert.fail("it is held")),
          /ETC_LOCK_TIMEOUT/,
        );
        assert.equal(await two.withLock("jobs:b", {}, () => "another lock"), "another lock");
        release.open();
        assert.equal(await holding.end, "done");
        assert.equal(await two.withLock("jobs:a", {}, () => "free"), "free");
      });

      test("work that throws gives it back", async () => {
        await assert.rejects(
          one.withLock("jobs:c", {}, () => Promise.reject(new Error("broken"))),
          /broken/,
        );
        assert.equal(await two.withLock("jobs:c", {}, () => "free"), "free");
      });

      test("it is renewed while the work goes on", async () => {
        // Whoever stands still for longer than the TTL loses the lock, and is told: then once more.
        await until("a lock that has outlived its TTL", async () => {
          const release = gate();
          const holding = await held(one, "jobs:d", { ttlMs: TTL_MS }, async (signal) => {
            await release.passed;
            return !signal.aborted;
          });
          await delay(TTL_MS + 500);
          const other = await two.withLock("jobs:d", {}, () => "taken").catch(({ code }) => code);
          release.open();
          const isKept = await holding.end.catch((error) => {
            assert.equal(error.code, "ETC_LOCK_LOST");
            return false;
          });
          if (isKept) assert.equal(other, "ETC_LOCK_TIMEOUT", "two had it");
          return isKept;
        });
      });

      test("work that keeps the process busy beyond the lock's life is told, also where it goes well", async () => {
        const busy = (signal: AbortSignal) => {
          const endAtMs = performance.now() + 300;
          while (performance.now() < endAtMs);
          return signal.aborted;
        };
        await assert.rejects(one.withLock("jobs:g", { ttlMs: 100 }, busy), { code: "ETC_LOCK_LOST" });
      });

      test("waiting ends by its signal", async () => {
        const release = gate();
        const holding = await held(one, "jobs:e", {}, () => release.passed);
        const stop = new AbortController();
        const waiting = two.withLock("jobs:e", { waitMs: 60_000, signal: stop.signal }, () =>
          assert.fail("it is held"),
        );
        stop.abort(new Error("shutting down"));
        await assert.rejects(waiting, /shutting down|aborted/);
        release.open();
        await holding.end;
      });

      if (store === "memory") return;

      test("a lock that was lost since it was renewed last rejects", async () => {
        const redis = new Redis(await sharedRedisUrl());
        try {
          const work = () => redis.del(`${keyPrefix}lock:${tenant}:jobs:h`);
          await assert.rejects(one.withLock("jobs:h", {}, work), { code: "ETC_LOCK_LOST" });
        } finally {
          redis.disconnect();
        }
      });

      test("an answer that comes when the lock is over gives none: another may have it", async () => {
        let delayMs = 0;
        const proxy = await startTcpProxy(Number(new URL(await sharedRedisUrl()).port), {
          delayMs: () => delayMs,
        });
        const far = await openCache(store, {
          keyPrefix,
          redis: `redis://127.0.0.1:${proxy.port}`,
        });
        try {
          const works: string[] = [];
          delayMs = 300;
          const late = far.manager
            .tenant(tenant)
            .withLock("jobs:i", { ttlMs: 500 }, () => works.push("late"));
          await assert.rejects(late, { code: "ETC_LOCK_TIMEOUT" });
          assert.deepEqual(works, []);
        } finally {
          await far.close();
          await proxy.close();
        }
      });

      test("a lost lock aborts the work's signal, rejects, and is left to its new owner", async () => {
        const redis = new Redis(await sharedRedisUrl());
        try {
          const lockKey = `${keyPrefix}lock:${tenant}:jobs:f`;
          const holding = await held(one, "jobs:f", { ttlMs: TTL_MS }, async (signal) => {
            while (!signal.aborted) await delay(10);
            assert.equal((signal.reason as { code?: string }).code, "ETC_LOCK_LOST");
            return "too late";
          });
          await redis.set(lockKey, "another", "PX", 60_000);
          await assert.rejects(holding.end, /ETC_LOCK_LOST/);
          assert.equal(await redis.get(lockKey), "another");
        } finally {
          redis.disconnect();
        }
      });
    });
  }
});
