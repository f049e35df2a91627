// The store contract, for clients that the user already has: ioredis of this and of the previous major, and iovalkey, with their own defaults.
import assert from "node:assert/strict";
import { once } from "node:events";
import { afterAll, beforeAll, describe } from "@jest/globals";
import { Redis } from "ioredis";
import { Redis as Redis5 } from "ioredis-5";
import { Redis as Iovalkey } from "iovalkey";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { connect } from "../../src/store/redis/connect.js";
import { isRedisClient, type RedisClient } from "../../src/store/redis/redis-client.js";
import { RedisStore } from "../../src/store/redis/redis-store.js";
import { describeStore } from "./register-contract.js";

const clients: [name: string, open: (url: string) => unknown][] = [
  ["ioredis 6", (url) => new Redis(url)],
  ["ioredis 5", (url) => new Redis5(url)],
  ["iovalkey", (url) => new Iovalkey(url)],
];

for (const [name, openClient] of clients) {
  describe(name, () => {
    // Of its own: the contract counts what is in it.
    let server: RedisServer;
    let client: RedisClient;
    beforeAll(async () => {
      server = await startRedisServer();
      const opened = openClient(server.url);
      assert.ok(isRedisClient(opened), `${name} is not recognised`);
      client = opened;
    });
    afterAll(async () => {
      assert.equal(client.status, "ready", "the stores closed a client that is not their own");
      const ended = once(client as unknown as Redis, "end");
      client.disconnect();
      await ended;
      await server.stop();
    });
    describeStore(`the user's own ${name} client`, {
      open: (keys) => new RedisStore(connect(client), keys),
    });
  });
}
