// A Redis Cluster of three masters, as local processes.
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { type RedisServer, type RedisServerOptions, startRedisServer } from "./redis-server.js";
import { clientTls } from "./redis-tls.js";

export interface RedisCluster {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly servers: readonly RedisServer[];
  stop(): Promise<void>;
}

const MASTERS = 3;
const SLOTS = 16_384;
const FORMS_WITHIN_MS = 120_000;

export async function startRedisCluster({
  args = [],
  tls = false,
}: RedisServerOptions = {}): Promise<RedisCluster> {
  // No node fails here: one that a busy machine holds up is not to be taken for one that has.
  const flags = ["--cluster-enabled", "yes", "--cluster-node-timeout", "60000", ...args];
  const start = () => startRedisServer({ args: flags, tls });
  const servers = await Promise.all(Array.from({ length: MASTERS }, start));
  const clients = servers.map(({ url }) => new Redis(url, tls ? { tls: clientTls() } : {}));
  const [first] = servers;
  for (const [index, client] of clients.entries()) {
    const slots = [Math.ceil((index * SLOTS) / MASTERS), Math.ceil(((index + 1) * SLOTS) / MASTERS) - 1];
    await client.call("CLUSTER", "ADDSLOTSRANGE", ...slots.map(String));
    if (index > 0 && first) await client.call("CLUSTER", "MEET", first.host, String(first.port));
  }
  const giveUpAtMs = performance.now() + FORMS_WITHIN_MS;
  while (!(await Promise.all(clients.map(knowsAll))).every(Boolean)) {
    if (performance.now() > giveUpAtMs) throw new Error("the cluster did not form");
    await delay(50);
  }
  for (const client of clients) client.disconnect();
  return {
    nodes: servers.map(({ host, port }) => ({ host, port })),
    servers,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

async function knowsAll(client: Redis): Promise<boolean> {
  const info = String(await client.call("CLUSTER", "INFO"));
  return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${MASTERS}`);
}
