// The store contract, for one server, of each kind that this machine has.
import { randomUUID } from "node:crypto";
import path from "node:path";
import { redisBinaries, startRedisServer } from "../../../servers/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./store-contract.js";

describeStore("redis", () => openStore());
for (const program of redisBinaries().slice(1))
  describeStore(`${path.basename(program)}, too`, () => openStore(program));

/** On a server of its own: the contract counts what is in it. */
async function openStore(program?: string) {
  const server = await startRedisServer(program === undefined ? {} : { program });
  const keys = new KeySpace(`test:${randomUUID()}:`, false);
  const store = new RedisStore(connect(server.url), keys);
  await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
  const close = async () => {
    await store.close();
    await server.stop();
  };
  return { store, keys, close };
}
