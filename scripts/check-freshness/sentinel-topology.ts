// A master, a replica and sentinels; the fault is a failover that loses what the master acknowledged last.
import { once } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type RedisSentinels, startRedisSentinels } from "../../backend/test/services/redis-sentinel.js";
import type { RedisServer } from "../../backend/test/services/redis-server.js";
import { between, type Random } from "./random.js";
import { adminOf, type Topology } from "./topology.js";

/** The replica logs in as this user, so that it can be shut out without touching anybody else. */
const REPLICATION = { user: "replication", password: "replication" };

const REPLICATES_WITHIN_MS = 30_000;

interface Node {
  readonly server: RedisServer;
  readonly admin: Redis;
}

export async function startSentinelTopology(): Promise<Topology> {
  const sentinels = await startRedisSentinels();
  const nodes = [sentinels.master, sentinels.replica].map((server) => ({ server, admin: adminOf(server) }));
  const [first, second] = nodes as [Node, Node];
  for (const { admin } of nodes) await prepareForReplication(admin);
  // The replica has logged in as nobody yet.
  await first.admin.call("CLIENT", "KILL", "TYPE", "replica");
  await untilReplicating(first.admin);
  let master = first;
  let replica = second;
  return {
    redisFor: () => sentinels.options,
    faults: {
      "master killed (SIGKILL) with a lagging replica, failover": async (random) => {
        await failOver(sentinels, master, replica, random);
        [master, replica] = [replica, master];
      },
    },
    async stop() {
      for (const { admin } of nodes) admin.disconnect();
      await sentinels.stop();
    },
  };
}

async function failOver(
  sentinels: RedisSentinels,
  master: Node,
  replica: Node,
  random: Random,
): Promise<void> {
  await master.admin.call("ACL", "SETUSER", REPLICATION.user, "off");
  await master.admin.call("CLIENT", "KILL", "USER", REPLICATION.user);
  // Writes are acknowledged meanwhile, of which the replica will know nothing.
  await delay(between(random, 200, 800));
  await master.server.kill();
  await sentinels.failedOver(master.server.port);
  await master.server.restart();
  await prepareForReplication(master.admin);
  await master.admin.call("REPLICAOF", replica.server.host, replica.server.port);
  await untilReplicating(replica.admin);
}

async function prepareForReplication(admin: Redis): Promise<void> {
  const { user, password } = REPLICATION;
  if (admin.status !== "ready") await once(admin, "ready");
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
