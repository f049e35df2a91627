// The store contract, for a Redis Cluster of three masters.
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll } from "@jest/globals";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./register-contract.js";

let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.stop());

describeStore("redis cluster", {
  open: (keys) => new RedisStore(connect({ cluster: cluster.nodes }), keys),
  keys: () => new KeySpace(`test:${randomUUID()}:`, true),
});
