// The store contract, for clients that the user already has: ioredis of this and of the previous major, with its own defaults.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { startRedisServer } from "../../../servers/index.js";
import { KeySpace } from "../../src/store/key-space.js";
import { connect } from "../../src/store/redis/connect.js";
import { isRedisClient } from "../../src/store/redis/redis-client.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./store-contract.js";

const clients: [name: string, open: (url: string) => unknown][] = [
  ["ioredis 6", (url) => new Redis(url)],
  ["ioredis 5", (url) => new Redis5(url)],
];

for (const [name, openClient] of clients) {
  describeStore(`the user's own ${name} client`, async () => {
    // Of its own: the contract counts what is in it.
    const server = await startRedisServer();
    const client = openClient(server.url);
    if (!isRedisClient(client)) throw new Error(`${name} is not recognised`);
    const keys = new KeySpace(`test:${randomUUID()}:`, false);
    const store = new RedisStore(connect(client), keys);
    await new Promise<void>((resolve) => store.listen({ up: resolve, down: () => undefined }));
    const close = async () => {
      await store.close();
      if (client.status !== "ready") throw new Error("the store closed a client that is not its own");
      const ended = once(client as unknown as Redis, "end");
      client.disconnect();
      await ended;
      await server.stop();
    };
    return { store, keys, close };
  });
}
