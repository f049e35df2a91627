// The store contract, for one server: the one that suites share, and each other kind that this machine has.
import { randomUUID } from "node:crypto";
import path from "node:path";
import { KeySpace } from "../../cache/store/key-space.js";
import { connect } from "../../cache/store/redis/connect.js";
import { RedisStore } from "../../cache/store/redis/redis-store.js";
import { redisBinaries, sharedRedisUrl, startRedisServer } from "../services/index.js";
import { describeStore } from "./store-contract.js";

describeStore("redis", async () => openStore(await sharedRedisUrl()));

for (const program of redisBinaries().slice(1)) {
  describeStore(`${path.basename(program)}, too`, async () => {
    const server = await startRedisServer({ program });
    return openStore(server.url, () => server.stop());
  });
}

async function openStore(url: string, stop = async () => {}) {
  const keys = new KeySpace(`test:${randomUUID()}:`, false);
  const store = new RedisStore(connect(url), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  const close = async () => {
    await store.close();
    await stop();
  };
  return { store, keys, close };
}
