// The store contract, for clients of node-redis that the user already has: one server, a Cluster, and a master found through Sentinel.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe } from "@jest/globals";
import * as redis6 from "redis";
import * as redis5 from "redis-5";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import type { UserNodeRedisClient } from "../../src/store/redis/redis-client.js";
import type { RedisOption } from "../../src/store/redis/redis-option.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./register-contract.js";

type Client = UserNodeRedisClient & {
  on(event: "error", listener: (error: unknown) => void): unknown;
  listenerCount(event: string): number;
};

/** Types: each of them is taken as it is. */
type Taken<T extends RedisOption> = T;
export type TakenAsTheyAre = [
  Taken<ReturnType<typeof redis6.createClient>>,
  Taken<ReturnType<typeof redis6.createCluster>>,
  Taken<ReturnType<typeof redis6.createSentinel>>,
  Taken<ReturnType<typeof redis5.createClient>>,
  Taken<ReturnType<typeof redis5.createCluster>>,
  Taken<ReturnType<typeof redis5.createSentinel>>,
];

/** @param made what the user has made, and not yet connected */
function describeClient(
  name: string,
  made: () => Promise<Client>,
  stop: () => Promise<unknown>,
  ofCluster = false,
) {
  describe(name, () => {
    let client: Client;
    beforeAll(async () => {
      client = await made();
      client.on("error", () => undefined);
      await client.connect();
    });
    afterAll(async () => {
      assert.ok(client.isOpen, "the stores closed a client that is not their own");
      assert.equal(client.listenerCount("error"), 1, "the stores left listeners behind");
      client.destroy();
      await stop();
    });
    describeStore(`the user's own ${name}`, {
      open: (keys) => new RedisStore(connect(client), keys),
      ...(ofCluster && { keys: () => new KeySpace(`test:${randomUUID()}:`, true) }),
    });
  });
}

for (const [name, create] of [
  ["client of node-redis 6", (url: string) => redis6.createClient({ url })],
  // The user has it make other things of replies.
  [
    "client of node-redis 6 that speaks RESP2, with replies as buffers",
    (url: string) =>
      redis6.createClient({ url, RESP: 2 }).withTypeMapping({ [redis6.RESP_TYPES.BLOB_STRING]: Buffer }),
  ],
  ["client of node-redis 5", (url: string) => redis5.createClient({ url })],
] as const) {
  // Of its own: the contract counts what is in it.
  let server: RedisServer;
  describeClient(
    name,
    async () => {
      server = await startRedisServer();
      return create(server.url) as unknown as Client;
    },
    () => server.stop(),
  );
}

for (const [name, { createCluster, createSentinel }] of [
  ["node-redis 6", redis6],
  ["node-redis 5", redis5 as unknown as typeof redis6],
] as const) {
  let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
  describeClient(
    `Cluster of ${name}`,
    async () => {
      cluster = await startRedisCluster();
      const rootNodes = cluster.nodes.map(({ host, port }) => ({ url: `redis://${host}:${port}` }));
      return createCluster({ rootNodes }) as unknown as Client;
    },
    () => cluster.stop(),
    true,
  );
  let sentinels: Awaited<ReturnType<typeof startRedisSentinels>>;
  describeClient(
    `Sentinel of ${name}`,
    async () => {
      sentinels = await startRedisSentinels();
      const { name: master, sentinels: sentinelRootNodes } = sentinels.options;
      return createSentinel({ name: master, sentinelRootNodes }) as unknown as Client;
    },
    () => sentinels.stop(),
  );
}
