// Notes in a run's timeline what sentinels say and what servers become.
import { Redis } from "ioredis";
import type { RedisSentinels } from "../../servers/redis-sentinel.js";
import type { RedisServer } from "../../servers/redis-server.js";
import type { Timeline } from "./timeline.js";

const LOOK_EVERY_MS = 50;

/**
 * Every event of every sentinel but those of every hello, and each change of a server's role, ids and master.
 */
export async function watchTopology(
  { sentinels }: RedisSentinels["options"],
  nodes: readonly { readonly server: RedisServer }[],
  timeline: Timeline,
): Promise<{ stop(): void }> {
  const clients: Redis[] = [];
  const open = (host: string, port: number, isLasting: boolean) => {
    const client = new Redis({ host, port, retryStrategy: () => 50, enableOfflineQueue: isLasting });
    client.on("error", () => undefined);
    clients.push(client);
    return client;
  };
  await Promise.all(
    sentinels.map(async ({ host, port }) => {
      const listener = open(host, port, true);
      listener.on("pmessage", (_pattern, event: string, message: string) => {
        timeline.note(`sentinel :${port} says ${event} ${message}`);
      });
      // Not "[+-]": that is a range.
      await listener.psubscribe("[-+]*");
    }),
  );
  const timers = nodes.map(({ server }) => {
    const admin = open(server.host, server.port, false);
    let known = "";
    let isAsking = false;
    return setInterval(() => {
      if (isAsking) return;
      isAsking = true;
      const says = Promise.all([admin.info("server"), admin.info("replication")]).then(
        (info) => describe(info.join("\n")),
        () => "does not answer",
      );
      void says.then((now) => {
        isAsking = false;
        if (now !== known) timeline.note(`server :${server.port} ${now}`);
        known = now;
      });
    }, LOOK_EVERY_MS);
  });
  return {
    stop() {
      for (const timer of timers) clearInterval(timer);
      for (const client of clients) client.disconnect();
    },
  };
}

function describe(info: string): string {
  const field = (name: string) => new RegExp(`^${name}:([^\\r\\n]*)`, "m").exec(info)?.[1] ?? "?";
  const ids = `run id ${field("run_id").slice(0, 8)}, replication id ${field("master_replid").slice(0, 8)}`;
  if (field("role") === "master") return `is a master with ${field("connected_slaves")} replicas, ${ids}`;
  return `is a replica of :${field("master_port")} (link ${field("master_link_status")}), ${ids}`;
}
