// A master, a replica and sentinels; the faults are failovers: one loses what was acknowledged last, one leaves two masters.
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type RedisSentinels, startRedisSentinels } from "../../backend/test/services/redis-sentinel.js";
import type { RedisServer } from "../../backend/test/services/redis-server.js";
import { startTcpProxy, type TcpProxy } from "../../backend/test/services/tcp-proxy.js";
import type { FaultWork } from "./faults.js";
import type { Protection } from "./protections.js";
import { between, type Random } from "./random.js";
import { adminOf, type Topology } from "./topology.js";

/** The replica logs in as this user, so that it can be shut out without touching anybody else. */
const REPLICATION = { user: "replication", password: "replication" };

const REPLICATES_WITHIN_MS = 240_000;
/** Some of them change what is read again soon. */
const WRITES_WITHIN = 10;

interface Node {
  readonly server: RedisServer;
  readonly admin: Redis;
  /** What the first backend reaches it through. */
  readonly proxy: TcpProxy;
}

export async function startSentinelTopology(without: Protection | undefined): Promise<Topology> {
  const sentinels = await startRedisSentinels();
  const first = await openNode(sentinels.master);
  const second = await openNode(sentinels.replica);
  const nodes = [first, second];
  for (const { admin } of nodes) await prepareForReplication(admin);
  // The replica has logged in as nobody yet.
  await first.admin.call("CLIENT", "KILL", "TYPE", "replica");
  await untilReplicating(first.admin);
  let master = first;
  let replica = second;
  return {
    redisFor: (index) => ({
      ...sentinels.options,
      ...(without === "failover-news" && { failoverDetector: false }),
      ...(index === 0 && { natMap: throughProxies(nodes) }),
    }),
    faults: {
      failover: async (random, work) => {
        await failOver(sentinels, master, replica, random, work);
        [master, replica] = [replica, master];
      },
      flush: async () => {
        await master.admin.flushall();
      },
      "two-masters": async (random, work) => {
        await hangOver(sentinels, master, replica, random, work);
        [master, replica] = [replica, master];
      },
    },
    async stop() {
      for (const { admin, proxy } of nodes) {
        admin.disconnect();
        await proxy.close();
      }
      await sentinels.stop();
    },
  };
}

async function openNode(server: RedisServer): Promise<Node> {
  return { server, admin: adminOf(server), proxy: await startTcpProxy(server.port) };
}

function throughProxies(nodes: readonly Node[]): Record<string, { host: string; port: number }> {
  return Object.fromEntries(
    nodes.map(({ server, proxy }) => [
      `${server.host}:${server.port}`,
      { host: server.host, port: proxy.port },
    ]),
  );
}

async function failOver(
  sentinels: RedisSentinels,
  master: Node,
  replica: Node,
  random: Random,
  work: FaultWork,
): Promise<void> {
  await master.admin.call("ACL", "SETUSER", REPLICATION.user, "off");
  await master.admin.call("CLIENT", "KILL", "USER", REPLICATION.user);
  // Of these the replica will know nothing.
  await Promise.all([delay(between(random, 200, 800)), work.written(WRITES_WITHIN)]);
  await master.server.kill();
  await sentinels.failedOver(master.server.port);
  await master.server.restart();
  await prepareForReplication(master.admin);
  await master.admin.call("REPLICAOF", replica.server.host, replica.server.port);
  await untilReplicating(replica.admin);
}

/** Meanwhile the first backend has to connect anew, and finds the new master; the old one answers the others again. */
async function hangOver(
  sentinels: RedisSentinels,
  master: Node,
  replica: Node,
  random: Random,
  work: FaultWork,
): Promise<void> {
  await master.server.pause();
  await sentinels.failedOver(master.server.port);
  master.proxy.cut();
  await delay(between(random, 50, 500));
  master.proxy.heal();
  await master.server.resume();
  // What Sentinel does as well, about ten seconds later.
  await Promise.all([delay(between(random, 500, 3000)), work.written(WRITES_WITHIN)]);
  await master.admin.call("REPLICAOF", replica.server.host, replica.server.port);
  await master.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await untilReplicating(replica.admin);
}

async function prepareForReplication(admin: Redis): Promise<void> {
  const { user, password } = REPLICATION;
  // Not `once` of node:events: it would reject with the error of an attempt that came too early.
  if (admin.status !== "ready") await new Promise<void>((resolve) => admin.once("ready", resolve));
  await admin.call("ACL", "SETUSER", user, "on", `>${password}`, "allkeys", "allchannels", "+@all");
  await admin.config("SET", "masteruser", user);
  await admin.config("SET", "masterauth", password);
}

/** @throws Error after a while */
async function untilReplicating(master: Redis): Promise<void> {
  const giveUpAtMs = performance.now() + REPLICATES_WITHIN_MS;
  while (!/slave0:.*state=online/.test(await master.info("replication"))) {
    if (performance.now() > giveUpAtMs)
      throw new Error(`no replica follows: ${await master.info("replication")}`);
    await delay(50);
  }
}
