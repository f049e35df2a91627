// The Redis servers of a run, how each backend reaches them, and the faults that can be done to them.
import { setTimeout as delay } from "node:timers/promises";
import { Redis, type RedisOptions } from "ioredis";
import { type RedisServer, startRedisServer, startTcpProxy } from "../../servers/index.js";
import { ONE_SERVER, type Servers } from "./excuses.js";
import type { Fault, FaultName, Faults } from "./faults.js";
import { between, type Random } from "./random.js";

export interface Topology {
  /** What the backend with this index connects with. */
  redisFor(index: number): RedisOptions;
  /** Ports of proxies, each with that of the server behind it. */
  readonly proxies: Readonly<Record<number, number>>;
  readonly servers: Servers;
  readonly faults: Faults;
  stop(): Promise<void>;
}

/**
 * One server; the first backend reaches it through a proxy that can be cut. `losingData`: faults that empty
 * the server, too. `isLate`: and one that has what passes the proxy come late, in its order.
 */
export async function startStandalone(losingData: boolean, isLate = false): Promise<Topology> {
  const server = await startRedisServer();
  let lateMs = 0;
  const proxy = await startTcpProxy(server.port, isLate ? { delayMs: () => lateMs } : {});
  const admin = adminOf(server);
  const partition = (begin: () => void) => async (random: Random) => {
    begin();
    await delay(between(random, 100, 1500));
    proxy.heal();
  };
  const faults: Partial<Record<FaultName, Fault>> = {
    hang: async (random) => {
      await server.pause();
      await delay(between(random, 60, 1000));
      await server.resume();
    },
    cut: partition(() => proxy.cut()),
    stall: partition(() => proxy.stall()),
  };
  if (isLate) {
    faults.late = async (random, work) => {
      // Both ways together less than a lease, which would not be held else.
      lateMs = between(random, 3, 25);
      await work.written(between(random, 1, 8));
      lateMs = 0;
    };
  }
  if (losingData) {
    faults["restart-empty"] = async (random) => {
      await server.kill();
      await delay(between(random, 0, 500));
      await server.restart();
    };
    faults.flush = async () => {
      await admin.flushall();
    };
  }
  return {
    redisFor: (index) => ({ host: server.host, port: index === 0 ? proxy.port : server.port }),
    proxies: { [proxy.port]: server.port },
    servers: ONE_SERVER,
    faults,
    async stop() {
      admin.disconnect();
      await proxy.close();
      await server.stop();
    },
  };
}

/** A client for orders to a server; survives the server's restarts. */
export function adminOf({ host, port }: RedisServer): Redis {
  const admin = new Redis({ host, port, retryStrategy: () => 50, maxRetriesPerRequest: null });
  // Reported by every command that needs it; in between the server is dead on purpose.
  admin.on("error", () => undefined);
  return admin;
}
