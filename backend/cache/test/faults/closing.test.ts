// A cache that is closed while its Redis is away keeps no process alive: neither a connection nor a timer of its own is left.
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, test } from "@jest/globals";
import { afterTest } from "../../../servers/in-test.js";
import { type RedisServer, startRedisServer } from "../../../servers/index.js";
import { startRedisCluster } from "../../../servers/redis-cluster.js";
import { startRedisSentinels } from "../../../servers/redis-sentinel.js";
import type { ClosingMessage } from "../support/closing-process.js";

const PROGRAM = fileURLToPath(new URL("../support/closing-process.js", import.meta.url));

/** What is done to the servers before the cache is closed. */
const AWAY: Readonly<Record<string, (server: RedisServer) => Promise<unknown>>> = {
  "they answer": async () => undefined,
  "they hang": async (server) => {
    await server.pause();
    afterTest(() => server.resume());
  },
  "they are gone": (server) => server.kill(),
};

async function heard(child: ChildProcess): Promise<ClosingMessage> {
  const [message] = (await once(child, "message")) as [ClosingMessage];
  return message;
}

/** What is left when the cache has been closed, and the process has ended by itself. */
async function leftAfterClose(redis: string, kind: string, away: () => Promise<unknown>) {
  const child = fork(PROGRAM, [redis, kind]);
  afterTest(() => child.kill("SIGKILL"));
  assert.equal((await heard(child)).kind, "up");
  await away();
  child.send("close");
  const closed = heard(child);
  const exited = once(child, "exit");
  const { alive } = await closed;
  const [code] = await exited;
  assert.equal(code, 0);
  return alive.join(" ");
}

async function startServer() {
  const server = await startRedisServer();
  afterTest(() => server.stop());
  return server;
}

describe("close() leaves nothing that keeps the process alive", () => {
  for (const [how, doAway] of Object.entries(AWAY)) {
    for (const kind of ["url", "ioredis", "node-redis"]) {
      test(`${kind}, while ${how}`, async () => {
        const server = await startServer();
        const left = await leftAfterClose(server.url, kind, () => doAway(server));
        assert.equal(left, "");
      });
    }

    test(`a Cluster, while ${how}`, async () => {
      const cluster = await startRedisCluster();
      afterTest(() => cluster.stop());
      const redis = JSON.stringify({ cluster: cluster.nodes });
      const away = () => Promise.all(cluster.servers.map(doAway));
      const left = await leftAfterClose(redis, "options", away);
      // Timers of a connection for news that ioredis makes by itself, and has given up before.
      assert.match(left, how === "they are gone" ? /^(?:Timeout ?)*$/ : /^$/);
    });

    test(`Sentinel, while ${how}`, async () => {
      const sentinels = await startRedisSentinels();
      afterTest(() => sentinels.stop());
      const away = () => Promise.all([sentinels.master, sentinels.replica].map(doAway));
      assert.equal(await leftAfterClose(JSON.stringify(sentinels.options), "options", away), "");
    });
  }
});
