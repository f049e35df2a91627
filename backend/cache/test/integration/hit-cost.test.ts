// What a hit, a miss and an invalidation cost, in what can be counted: handler runs, commands and bytes between the process and Redis.
import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import express from "express";
import { Redis } from "ioredis";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import { type CacheListOptions, createTenantCache, type TenantCache } from "../../src/index.js";
import { askForBytes } from "../support/ask-for-bytes.js";
import { PATIENT, quiet, READY_WITHIN_MS } from "../support/caches.js";

const HITS = 50;
const BODY_BYTES = 20_000;
/** What a server without replicas says of itself. */
const PROOF_BYTES = 450;
const BODY = "x".repeat(BODY_BYTES);

interface Traffic {
  readonly commands: number;
  readonly sentToRedis: number;
  readonly receivedFromRedis: number;
}

describe("what a hit costs", () => {
  let redis: RedisServer;
  let operator: Redis;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });

  beforeAll(async () => {
    redis = await startRedisServer();
    operator = new Redis(redis.url);
  });
  afterAll(async () => {
    agent.destroy();
    operator.disconnect();
    await redis.stop();
  });

  /** What the server has seen, without what asking it costs. */
  async function traffic(): Promise<Traffic> {
    const stats = await operator.info("stats");
    const figure = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, "m").exec(stats)?.[1]);
    return {
      commands: figure("total_commands_processed"),
      sentToRedis: figure("total_net_input_bytes"),
      receivedFromRedis: figure("total_net_output_bytes"),
    };
  }
  let asking: Traffic | undefined;
  async function trafficOf(work: () => Promise<void>): Promise<Traffic> {
    if (!asking) {
      await traffic();
      const [first, second] = [await traffic(), await traffic()];
      asking = difference(second, first);
    }
    const start = await traffic();
    await work();
    return difference(difference(await traffic(), start), asking);
  }

  interface Served {
    readonly cache: TenantCache;
    readonly port: number;
    runs(): number;
    close(): Promise<void>;
  }
  async function serve(
    front: "lane" | "cacheList",
    localBytes: number,
    options: CacheListOptions,
  ): Promise<Served> {
    const cache = createTenantCache({
      redis: redis.url,
      keyPrefix: `${front}-${localBytes}-${options.maxStaleness}:`,
      tenant: () => "tenant-1",
      local: { maxBytes: localBytes },
      ...PATIENT,
      logger: quiet,
    });
    assert.ok(await cache.ready(READY_WITHIN_MS));
    let runs = 0;
    const app = express();
    app.get("/list", cache.cacheList("items", options), (_req, res) => {
      runs++;
      res.send(BODY);
    });
    const identity = { tenant: "tenant-1" };
    const server: Server = createServer(
      front === "lane" ? cache.lane(app, { identify: () => identity }) : app,
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      cache,
      port: (server.address() as AddressInfo).port,
      runs: () => runs,
      async close() {
        server.closeAllConnections();
        server.close();
        await cache.close();
      },
    };
  }

  for (const front of ["cacheList", "lane"] as const) {
    const rows = [
      {
        name: "in process, within maxStaleness",
        localBytes: 1e7,
        maxStaleness: 60_000,
        commands: 0,
        receives: 0,
      },
      // MGET, and in the same round trip who has answered: see decision 14.
      {
        name: "in process, strict",
        localBytes: 1e7,
        maxStaleness: 0,
        commands: 2,
        receives: 150 + PROOF_BYTES,
      },
      {
        name: "Redis only",
        localBytes: 0,
        maxStaleness: 0,
        commands: 2,
        receives: BODY_BYTES + 800 + PROOF_BYTES,
      },
    ];
    for (const { name, localBytes, maxStaleness, commands, receives } of rows) {
      test(`${front}, ${name}: ${commands} commands`, async () => {
        const served = await serve(front, localBytes, { ttlSeconds: 3600, maxStaleness });
        afterTest(() => served.close());
        for (let time = 0; time < 5; time++) {
          await askForBytes(served.port, agent);
          await served.cache.idle();
        }
        assert.equal(served.runs(), 1);
        // A server that is silent for a quarter of a second is asked once more, by another connection.
        let retries = 10;
        await until(`${commands} commands for each hit`, async () => {
          const cost = await trafficOf(async () => {
            for (let hit = 0; hit < HITS; hit++) {
              const { bytes, cache } = await askForBytes(served.port, agent);
              assert.equal(bytes, BODY_BYTES);
              assert.match(cache, /; hit;/);
            }
          });
          if (cost.commands > commands * HITS && retries-- > 0) return false;
          assert.equal(cost.commands, commands * HITS);
          assert.ok(cost.sentToRedis <= 300 * commands * HITS + 100, `${cost.sentToRedis} bytes sent`);
          assert.ok(
            cost.receivedFromRedis <= receives * HITS + 100,
            `${cost.receivedFromRedis} bytes received`,
          );
          return true;
        });
        assert.equal(served.runs(), 1, "no handler ran");
      });
    }
  }

  /** How often each command ran. A script's own calls are among them: those of a fill read their keys by one MGET each. */
  async function calls(...commands: readonly string[]): Promise<number[]> {
    const stats = await operator.info("commandstats");
    return commands.map((name) => Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0));
  }

  for (const [name, localBytes] of [
    ["in process", 1e7],
    ["Redis only", 0],
  ] as const) {
    test(`a miss, ${name}: one command before the handler and one behind the response`, async () => {
      const served = await serve("cacheList", localBytes, { ttlSeconds: 3600 });
      afterTest(() => served.close());
      const miss = async (path: string) => {
        assert.match((await askForBytes(served.port, agent, path)).cache, /; fwd=miss; stored/);
        await served.cache.idle();
      };
      // Loads the scripts.
      await miss("/list?n=first");
      const [scriptsBefore = 0, readsBefore = 0] = await calls("evalsha", "mget");
      for (let n = 0; n < HITS; n++) await miss(`/list?n=${n}`);
      const [scripts = 0, reads = 0] = await calls("evalsha", "mget");
      assert.equal(scripts - scriptsBefore, 2 * HITS);
      // Those of the scripts: none came from the client.
      assert.equal(reads - readsBefore, 2 * HITS);
      assert.equal(served.runs(), HITS + 1);
    });
  }

  test("scripts come with their first call: a server that does not know them is not asked in vain", async () => {
    const fresh = await startRedisServer();
    const observer = new Redis(fresh.url);
    const options = { redis: fresh.url, tenant: () => "tenant-1", logger: quiet };
    const cache = createTenantCache({ ...options, ...PATIENT });
    afterTest(async () => {
      await cache.close();
      observer.disconnect();
      await fresh.stop();
    });
    assert.ok(await cache.ready(READY_WITHIN_MS));
    const tenant = cache.manager.tenant("tenant-1");
    for (const value of ["one", "two"]) {
      assert.equal(await tenant.getOrSet(value, async () => value), value);
      await cache.invalidateTenantCache("tenant-1", "items");
      await cache.idle();
    }
    assert.match(await observer.info("commandstats"), /cmdstat_evalsha:/);
    assert.doesNotMatch(await observer.info("errorstats"), /NOSCRIPT/);
  });

  test("a miss after an invalidation reads the fences once, and the entry with what begins the fill", async () => {
    const served = await serve("cacheList", 1e7, { ttlSeconds: 3600 });
    afterTest(() => served.close());
    for (let time = 0; time < 2; time++) {
      await askForBytes(served.port, agent);
      await served.cache.idle();
      await served.cache.invalidateTenantCache("tenant-1", "items");
      await served.cache.idle();
    }
    await askForBytes(served.port, agent);
    await served.cache.idle();
    await served.cache.invalidateTenantCache("tenant-1", "items");
    // The sweep behind the invalidation is scripts, too, but no reads.
    const [readsBefore = 0] = await calls("mget");
    assert.match((await askForBytes(served.port, agent)).cache, /; fwd=miss; stored/);
    await served.cache.idle();
    const [reads = 0] = await calls("mget");
    // One came from the client; the two scripts of the fill have read their keys.
    assert.equal(reads - readsBefore, 1 + 2);
  });

  test("an invalidation is one command, however many fences it replaces", async () => {
    const served = await serve("cacheList", 1e7, {});
    afterTest(() => served.close());
    await served.cache.invalidateTags("tenant-1", "loads-the-script");
    const scripts = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(await operator.info("commandstats"))?.[1]);
    const before = await scripts();
    await served.cache.invalidateTags("tenant-1", "one", "two", "three");
    assert.equal((await scripts()) - before, 1);
  });
});

function difference(a: Traffic, b: Traffic): Traffic {
  return {
    commands: a.commands - b.commands,
    sentToRedis: a.sentToRedis - b.sentToRedis,
    receivedFromRedis: a.receivedFromRedis - b.receivedFromRedis,
  };
}
