// A Redis of one file's own, for tests that look at all that it is asked, change its rights or stop it, and a client beside the cache's.
import { afterAll, beforeAll } from "@jest/globals";
import { Redis } from "ioredis";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";

export interface RedisOfFile {
  readonly server: RedisServer;
  readonly admin: Redis;
}

/**
 * Started before the tests of the file, or of the `describe` around it, and stopped behind them.
 *
 * @param prepare what the server is to be like
 */
export function redisOfFile(prepare?: (admin: Redis) => Promise<unknown>): RedisOfFile {
  let started: RedisOfFile | undefined;
  beforeAll(async () => {
    const server = await startRedisServer();
    started = { server, admin: new Redis(server.url) };
    await prepare?.(started.admin);
  });
  afterAll(async () => {
    started?.admin.disconnect();
    await started?.server.stop();
  });
  const running = () => {
    if (!started) throw new Error("the Redis runs while tests do");
    return started;
  };
  return {
    get server() {
      return running().server;
    },
    get admin() {
      return running().admin;
    },
  };
}
