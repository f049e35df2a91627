// A Redis Cluster of some masters, as local processes.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import type { RedisServer, RedisServerOptions } from "./redis-server.js";
import { clientTls } from "./redis-tls.js";
import { startRedisServer } from "./start-redis.js";

export interface RedisCluster {
  /** The masters. */
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly servers: readonly RedisServer[];
  /** One that follows the first master, where it was asked for. */
  readonly replica: RedisServer | undefined;
  stop(): Promise<void>;
}

const SLOTS = 16_384;
const FORMS_WITHIN_MS = 120_000;

export interface RedisClusterOptions extends RedisServerOptions {
  /** Default 3. */
  readonly masters?: number;
  /** Whether one more server follows the first master. Default false. */
  readonly withReplica?: boolean;
  /**
   * How long a node may be silent before the others take it for failed, milliseconds. Default a minute: a
   * busy machine holds nodes up.
   */
  readonly nodeTimeoutMs?: number;
}

export async function startRedisCluster({
  args = [],
  tls = false,
  masters = 3,
  withReplica = false,
  nodeTimeoutMs = 60_000,
}: RedisClusterOptions = {}): Promise<RedisCluster> {
  const flags = [
    ...["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs)],
    ...["--repl-diskless-sync-delay", "0", ...args],
  ];
  const start = () => startRedisServer({ args: flags, tls });
  const servers = await Promise.all(Array.from({ length: masters }, start));
  const clients = servers.map(({ url }) => new Redis(url, tls ? { tls: clientTls() } : {}));
  const [first] = servers;
  for (const [index, client] of clients.entries()) {
    const slots = [Math.ceil((index * SLOTS) / masters), Math.ceil(((index + 1) * SLOTS) / masters) - 1];
    await client.call("CLUSTER", "ADDSLOTSRANGE", ...slots.map(String));
    if (index > 0 && first) await client.call("CLUSTER", "MEET", first.host, String(first.port));
  }
  const giveUpAtMs = performance.now() + FORMS_WITHIN_MS;
  while (!(await Promise.all(clients.map(knowsAll))).every(Boolean)) {
    if (performance.now() > giveUpAtMs) throw new Error("the cluster did not form");
    await delay(50);
  }
  const replica = withReplica && first ? await startReplica({ args: flags, tls }, first, clients) : undefined;
  for (const client of clients) client.disconnect();
  return {
    nodes: servers.map(({ host, port }) => ({ host, port })),
    servers,
    replica,
    stop: async () =>
      void (await Promise.all([...servers, ...(replica ? [replica] : [])].map((server) => server.stop()))),
  };
}

/** Resolves once all masters know of it, and it has what its master has. */
async function startReplica(
  options: RedisServerOptions,
  master: RedisServer,
  masters: readonly Redis[],
): Promise<RedisServer> {
  const server = await startRedisServer(options);
  const client = new Redis(server.url, options.tls ? { tls: clientTls() } : {});
  const id = String(await masters[0]?.call("CLUSTER", "MYID"));
  await client.call("CLUSTER", "MEET", master.host, String(master.port));
  const giveUpAtMs = performance.now() + FORMS_WITHIN_MS;
  const until = async (isSo: () => Promise<boolean>) => {
    while (!(await isSo().catch(() => false))) {
      if (performance.now() > giveUpAtMs) throw new Error("the replica did not join the cluster");
      await delay(50);
    }
  };
  await until(async () => (await client.call("CLUSTER", "REPLICATE", id)) === "OK");
  await until(async () => /master_link_status:up/.test(await client.info("replication")));
  const own = String(await client.call("CLUSTER", "MYID"));
  // As a replica: for another one they would not vote.
  const line = new RegExp(`^${own} \\S+ slave ${id} .* connected`, "m");
  const isKnownTo = async (each: Redis) => line.test(String(await each.call("CLUSTER", "NODES")));
  await until(async () => (await Promise.all(masters.map(isKnownTo))).every(Boolean));
  client.disconnect();
  return server;
}

async function knowsAll(client: Redis, _index: number, all: readonly Redis[]): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${all.length}\r`);
}
