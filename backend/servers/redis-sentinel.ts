// A Redis master, a replica and three sentinels, as local processes.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Redis } from "ioredis";
import { findFreePort } from "../db/free-port.js";
import { findRedis } from "./find-redis.js";
import { guardChild } from "./guard.js";
import type { RedisServer, RedisServerOptions } from "./redis-server.js";
import { clientTls, tlsFlags } from "./redis-tls.js";
import { startRedisServer } from "./start-redis.js";
import { until } from "./until.js";

export interface RedisSentinels {
  /** What ioredis needs to find the master. */
  readonly options: { readonly sentinels: { host: string; port: number }[]; readonly name: string };
  readonly master: RedisServer;
  readonly replica: RedisServer;
  /**
   * Has the sentinels replace the master at `port`, and resolves when they name another one. They do not
   * suspect it by themselves: one that a busy machine holds up must not be replaced before its time, and how
   * long they take to suspect one is not what is tested.
   */
  failedOver(port: number): Promise<number>;
  /** The port of the master that the sentinel which is asked first names now. */
  named(): Promise<number>;
  stop(): Promise<void>;
}

/** By default a master waits five seconds for more replicas to come. */
export const REPLICATE_AT_ONCE = ["--repl-diskless-sync-delay", "0"];
const NAME = "cache";
const SENTINELS = 3;
/**
 * Sentinels of a machine that holds them up for two seconds do nothing for thirty (their tilt mode), and
 * begin anew.
 */
const SETTLES_WITHIN_MS = 240_000;
/** Ten times as long may a replica have been cut off that is to be the new master. */
const DOWN_AFTER_MS = 600_000;

export interface RedisSentinelsOptions extends RedisServerOptions {
  /** Of master, replica and sentinels. Default none. */
  readonly passwords?: { readonly servers: string; readonly sentinels: string } | undefined;
}

/** @param replicationPort where the replica finds the master: that of a proxy, for a replica that lags */
export async function startRedisSentinels(
  replicationPort: (masterPort: number) => Promise<number> = async (port) => port,
  { args = [], tls = false, passwords }: RedisSentinelsOptions = {},
): Promise<RedisSentinels> {
  const secret = passwords ? ["--requirepass", passwords.servers, "--masterauth", passwords.servers] : [];
  const server = { args: [...REPLICATE_AT_ONCE, ...args, ...secret], tls };
  const master = await startRedisServer(server);
  const replicaOf = ["--replicaof", master.host, String(await replicationPort(master.port))];
  const replica = await startRedisServer({ ...server, args: [...server.args, ...replicaOf] });
  const ofServers = { ...(tls && { tls: clientTls() }), ...(passwords && { password: passwords.servers }) };
  const ofSentinels = { ...ofServers, ...(passwords && { password: passwords.sentinels }) };
  // Sentinels ask the master for its replicas at once, and then only ten seconds later.
  await untilAttached(new Redis(master.url, ofServers));
  const folder = mkdtempSync(path.join(tmpdir(), "test-sentinel-"));
  const start = () => startSentinel(folder, master, { tls, passwords });
  const sentinels = await Promise.all(Array.from({ length: SENTINELS }, start));
  const clients = sentinels.map(({ host, port }) => new Redis({ host, port, ...ofSentinels }));
  for (const client of clients) client.on("error", () => undefined);
  await until(
    "the sentinels see each other and the replica",
    async () => (await Promise.all(clients.map(seesAll))).every(Boolean),
    SETTLES_WITHIN_MS,
  );
  const [asked] = clients;
  const ask = (...args: string[]) => asked?.call("SENTINEL", ...args) ?? Promise.resolve();
  const named = async () => {
    const address = (await ask("GET-MASTER-ADDR-BY-NAME", NAME)) as string[] | undefined;
    return Number(address?.[1]);
  };
  return {
    options: { sentinels: sentinels.map(({ host, port }) => ({ host, port })), name: NAME },
    master,
    replica,
    async failedOver(port) {
      let now = port;
      await until(
        "a failover",
        async () => {
          now = (await named()) || port;
          // Refused while one is under way, and until the replica is known to be well.
          if (now === port) await ask("FAILOVER", NAME).catch(() => undefined);
          return now !== port;
        },
        SETTLES_WITHIN_MS,
      );
      return now;
    },
    named,
    async stop() {
      for (const client of clients) client.disconnect();
      await Promise.all([...sentinels, replica, master].map((server) => server.stop()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Sentinels keep their state in their configuration file, so each has one of its own. */
async function startSentinel(
  folder: string,
  { host, port: masterPort }: RedisServer,
  { tls, passwords }: Pick<RedisSentinelsOptions, "tls" | "passwords">,
) {
  const source = await findRedis();
  if (source.kind !== "binary")
    throw new Error("the Sentinel tests need a redis-server or valkey-server binary");
  const port = await findFreePort();
  const file = path.join(folder, `sentinel-${port}.conf`);
  const settings = [
    // A flag of the command line is a line of the file.
    ...(tls ? tlsFlags(port).join(" ").split(/ ?--/).filter(Boolean) : [`port ${port}`]),
    `bind ${host}`,
    ...(passwords
      ? [`requirepass ${passwords.sentinels}`, `sentinel sentinel-pass ${passwords.sentinels}`]
      : []),
    `sentinel monitor ${NAME} ${host} ${masterPort} 2`,
    ...(passwords ? [`sentinel auth-pass ${NAME} ${passwords.servers}`] : []),
    `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${NAME} 3000`,
  ];
  writeFileSync(file, `${settings.join("\n")}\n`);
  const child = spawn(source.path, [file, "--sentinel"], { detached: true, stdio: "ignore" });
  const release = child.pid === undefined ? () => undefined : guardChild(child.pid, "SIGKILL", [folder]);
  child.once("exit", release);
  child.unref();
  const stop = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.ref();
    child.kill("SIGKILL");
    await exited;
  };
  return { host, port, stop };
}

async function untilAttached(client: Redis): Promise<void> {
  try {
    await until(
      "the replica's connection",
      async () => /^slave0:/m.test(await client.info("replication")),
      SETTLES_WITHIN_MS,
    );
  } finally {
    client.disconnect();
  }
}

async function seesAll(client: Redis): Promise<boolean> {
  const reply = (await client.call("SENTINEL", "MASTER", NAME)) as string[];
  const field = (name: string) => Number(reply[reply.indexOf(name) + 1]);
  return field("num-slaves") === 1 && field("num-other-sentinels") === SENTINELS - 1;
}
