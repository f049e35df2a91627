// The store contract, for a master that is found through Sentinel.
import { randomUUID } from "node:crypto";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./store-contract.js";

describeStore("redis through sentinel", async () => {
  const sentinels = await startRedisSentinels();
  const keys = new KeySpace(`test:${randomUUID()}:`, false);
  const store = new RedisStore(connect(sentinels.options), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  const close = async () => {
    await store.close();
    await sentinels.stop();
  };
  return { store, keys, close };
});
