// The store contract, for a Redis Cluster of three masters.
import { randomUUID } from "node:crypto";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./store-contract.js";

describeStore("redis cluster", async () => {
  const cluster = await startRedisCluster();
  const keys = new KeySpace(`test:${randomUUID()}:`, true);
  const store = new RedisStore(connect({ cluster: cluster.nodes }), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  const close = async () => {
    await store.close();
    await cluster.stop();
  };
  return { store, keys, close };
});
