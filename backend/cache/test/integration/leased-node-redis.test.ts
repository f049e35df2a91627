// Leased freshness through clients of node-redis: their duplicate hears what is changed, and what it misses is found out.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, test } from "@jest/globals";
import type { Redis } from "ioredis";
import * as redis6 from "redis";
import * as redis5 from "redis-5";
import { closeAfterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { until } from "../../../servers/until.js";
import type { TenantCacheOptions } from "../../src/index.js";
import { becomesLeased, leasedWorld, reads } from "../support/leased-world.js";

const WRITES = 20;
const LEASE_MS = 100;

let server: RedisServer;
beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(() => server.stop());

type Made = TenantCacheOptions["redis"];
const MAJORS: readonly [name: string, make: () => Promise<Made>][] = [
  ["node-redis 6", () => connected(redis6.createClient({ url: server.url }))],
  ["node-redis 5", () => connected(redis5.createClient({ url: server.url }))],
];

async function connected<
  Client extends { on(event: "error", listener: () => void): unknown; connect(): unknown; destroy(): void },
>(client: Client): Promise<Client> {
  client.on("error", () => undefined);
  await client.connect();
  closeAfterTest({ close: async () => client.destroy() });
  return client;
}

/** The users' own clients: what the writer's cache has connected has a name. */
async function cutUnnamed(admin: Redis): Promise<void> {
  const own = await admin.client("ID");
  for (const line of String(await admin.call("CLIENT", "LIST")).split("\n")) {
    const [, id] = /^id=(\d+) .* name= /.exec(line) ?? [];
    if (id !== undefined && Number(id) !== own) await admin.call("CLIENT", "KILL", "ID", id);
  }
}

for (const [name, make] of MAJORS) {
  describe(`leased hits through ${name}`, () => {
    test("ask nothing, and see what others have written, through either client", async () => {
      const { join, admin, readers } = await leasedWorld(server.url);
      const all = await Promise.all([join({ redis: await make() }), join({ redis: await make() }), join()]);
      const [writer, reader] = all;
      await becomesLeased(reader, admin);
      await until("hits that ask nothing", async () => {
        const before = await reads(admin);
        for (let n = 0; n < 20; n++) assert.equal((await reader.read()).cache, "hit");
        return (await reads(admin)) === before;
      });
      await until("all are readers", async () => {
        await Promise.all(all.map((each) => each.read()));
        return (await readers()) === all.length;
      });
      for (let n = 1; n <= WRITES; n++) {
        await all[n % all.length]?.write();
        for (const each of all) assert.equal((await each.read()).version, n);
      }
      // Its acknowledgement is heard: no write waits for a lease.
      await until("a write that has waited for no lease", async () => {
        await Promise.all(all.map((each) => each.read()));
        const begunMs = performance.now();
        await writer.write();
        return performance.now() - begunMs < LEASE_MS;
      });
    });

    test("whose connections are cut: hits are strict meanwhile, leased afterwards, and never old", async () => {
      const { join, admin, truth } = await leasedWorld(server.url);
      const [writer, reader] = [await join(), await join({ redis: await make() })];
      for (let round = 0; round < 3; round++) {
        await becomesLeased(reader, admin);
        await admin.call("CLIENT", "KILL", "TYPE", "pubsub");
        if (round === 1) await cutUnnamed(admin);
        for (let n = 0; n < 5; n++) {
          await writer.write();
          assert.equal((await reader.read()).version, truth.version);
          await delay(5);
        }
      }
      await becomesLeased(reader, admin);
      await writer.write();
      assert.equal((await reader.read()).version, truth.version);
    });
  });
}
