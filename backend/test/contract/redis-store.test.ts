// The store contract, for one Redis server.
import { randomUUID } from "node:crypto";
import { KeySpace } from "../../cache/store/key-space.js";
import { connect } from "../../cache/store/redis/connect.js";
import { RedisStore } from "../../cache/store/redis/redis-store.js";
import { sharedRedisUrl } from "../services/index.js";
import { describeStore } from "./store-contract.js";

describeStore("redis", async () => {
  const keys = new KeySpace(`test:${randomUUID()}:`, false);
  const store = new RedisStore(connect(await sharedRedisUrl()), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  return { store, keys, close: () => store.close() };
});
