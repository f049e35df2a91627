// A master, a replica and sentinels; the faults are failovers: one loses what was acknowledged last, one leaves two masters.
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type RedisSentinels, startRedisSentinels } from "../../servers/redis-sentinel.js";
import type { RedisServer } from "../../servers/redis-server.js";
import { startTcpProxy, type TcpProxy } from "../../servers/tcp-proxy.js";
import { messageOf } from "../src/thrown.js";
import { machineNowMs } from "./clock.js";
import type { Servers } from "./excuses.js";
import type { Fault, FaultWork } from "./faults.js";
import type { Protection } from "./protections.js";
import { between, type Random } from "./random.js";
import { beginReplication, cutOffReplica, prepareForReplication } from "./replication.js";
import { type Roles, RolesChanged, untilReplicating } from "./roles.js";
import type { Timeline } from "./timeline.js";
import { adminOf, type Topology } from "./topology.js";
import { watchTopology } from "./topology-watch.js";

/** Some of them change what is read again soon. */
const WRITES_WITHIN = 10;

interface Node {
  readonly server: RedisServer;
  readonly admin: Redis;
  /** What the first backend reaches it through. */
  readonly proxy: TcpProxy;
}

export interface SentinelTopology extends Topology {
  readonly sentinels: RedisSentinels;
}

export async function startSentinelTopology(
  without: Protection | undefined,
  timeline: Timeline,
): Promise<SentinelTopology> {
  const sentinels = await startRedisSentinels();
  const nodes = [await openNode(sentinels.master), await openNode(sentinels.replica)];
  await beginReplication(nodes, sentinels);
  const watch = await watchTopology(sentinels.options, nodes, timeline);
  const state = new TopologyState();
  const failovers = new Failovers(sentinels, nodes, state, timeline);
  return {
    sentinels,
    redisFor: (index) => ({
      ...sentinels.options,
      ...(without === "failover-news" && { failoverDetector: false }),
      ...(index === 0 && { natMap: throughProxies(nodes) }),
    }),
    proxies: Object.fromEntries(nodes.map(({ server, proxy }) => [proxy.port, server.port])),
    servers: state,
    faults: {
      failover: failovers.fault((roles, random, work) => failovers.killMaster(roles, random, work)),
      flush: failovers.fault(async ({ master }) => {
        state.lostMarksAtMs = Number.POSITIVE_INFINITY;
        await master.admin.flushall();
        state.lostMarksAtMs = machineNowMs();
      }),
      "two-masters": failovers.fault((roles, random, work) => failovers.hangMaster(roles, random, work)),
    },
    async stop() {
      watch.stop();
      for (const { admin, proxy } of nodes) {
        admin.disconnect();
        await proxy.close();
      }
      await sentinels.stop();
    },
  };
}

class TopologyState implements Servers {
  lostMarksAtMs = Number.NEGATIVE_INFINITY;
  readonly #second: { readonly port: number; readonly fromMs: number; toMs: number }[] = [];

  wasSecondMaster(port: number, fromMs: number, toMs: number): boolean {
    return this.#second.some((time) => time.port === port && time.fromMs <= toMs && time.toMs >= fromMs);
  }

  /** The server has been replaced, and is about to answer again, as the master that it was. */
  answersAgain({ server: { port } }: Node): void {
    this.#second.push({ port, fromMs: machineNowMs(), toMs: Number.POSITIVE_INFINITY });
  }

  /** It follows the other one now, or is the only master. */
  isNoSecond({ server: { port } }: Node): void {
    for (const time of this.#second) if (time.port === port) time.toMs = Math.min(time.toMs, machineNowMs());
  }
}

class Failovers {
  readonly #sentinels: RedisSentinels;
  readonly #nodes: readonly Node[];
  readonly #state: TopologyState;
  readonly #timeline: Timeline;

  constructor(sentinels: RedisSentinels, nodes: readonly Node[], state: TopologyState, timeline: Timeline) {
    this.#sentinels = sentinels;
    this.#nodes = nodes;
    this.#state = state;
    this.#timeline = timeline;
  }

  /**
   * A fault that is done to whoever is master when it begins: others may have had it replaced since. Where
   * that happens in its midst it is undone and tried anew.
   */
  fault(harm: (roles: Roles<Node>, random: Random, work: FaultWork) => Promise<void>): Fault {
    return async (random, work) => {
      for (;;) {
        const roles = await untilReplicating(this.#nodes, this.#sentinels);
        try {
          await harm(roles, random, work);
          await untilReplicating(this.#nodes, this.#sentinels);
          return;
        } catch (error) {
          if (!(error instanceof RolesChanged) && !/^(READONLY|MASTERDOWN|NOREPLICAS)/.test(messageOf(error)))
            throw error;
          this.#timeline.note(`the fault is undone: ${messageOf(error)}`);
          this.#state.lostMarksAtMs = machineNowMs();
          for (const { admin } of this.#nodes) await prepareForReplication(admin);
          // Sentinels see to it that one follows the other.
          await untilReplicating(this.#nodes, this.#sentinels);
          for (const node of this.#nodes) this.#state.isNoSecond(node);
        }
      }
    };
  }

  async killMaster({ master, replica }: Roles<Node>, random: Random, work: FaultWork): Promise<void> {
    const { port } = master.server;
    await cutOffReplica(master.admin);
    this.#timeline.note(`:${replica.server.port} is cut off from :${port}, and does not learn what follows`);
    // Of these the replica will know nothing.
    await Promise.all([delay(between(random, 200, 800)), work.written(WRITES_WITHIN)]);
    try {
      await this.#replace(master, replica, "is killed (SIGKILL)", () => master.server.kill());
    } finally {
      this.#state.answersAgain(master);
      this.#timeline.note(`:${port} is started again, empty, and a master until it is told otherwise`);
      await master.server.restart();
      await prepareForReplication(master.admin);
    }
    await this.#demote(master, replica, random);
  }

  /**
   * Meanwhile the first backend has to connect anew, and finds the new master; the old one answers the others
   * again.
   */
  async hangMaster({ master, replica }: Roles<Node>, random: Random, work: FaultWork): Promise<void> {
    try {
      await this.#replace(master, replica, "hangs (SIGSTOP)", () => master.server.pause());
      master.proxy.cut();
      await delay(between(random, 50, 500));
    } finally {
      master.proxy.heal();
      this.#state.answersAgain(master);
      this.#timeline.note(`:${master.server.port} goes on (SIGCONT), as the master that it was`);
      await master.server.resume();
    }
    // What Sentinel does as well, about ten seconds later.
    await Promise.all([delay(between(random, 500, 3000)), work.written(WRITES_WITHIN)]);
    await this.#demote(master, replica, random);
  }

  async #replace(master: Node, replica: Node, how: string, take: () => Promise<void>): Promise<void> {
    const { port } = master.server;
    this.#timeline.note(`:${port} ${how}`);
    // From here on until the other one is promoted: a mark that was set shortly before may not have reached
    // it.
    this.#state.lostMarksAtMs = Number.POSITIVE_INFINITY;
    await take();
    const now = await this.#sentinels.failedOver(port);
    this.#state.lostMarksAtMs = machineNowMs();
    this.#timeline.note(`a sentinel names :${now} in its place`);
    if (now !== replica.server.port) throw new RolesChanged(`:${now} has become master`);
  }

  /** As Sentinel does, which ends connections, or as an operator does, who keeps them. */
  async #demote(old: Node, master: Node, random: Random): Promise<void> {
    const endsConnections = random() < 0.5;
    this.#timeline.note(
      `:${old.server.port} is told to follow :${master.server.port}${endsConnections ? ", and ends its connections" : ""}`,
    );
    await old.admin.call("REPLICAOF", master.server.host, master.server.port);
    this.#state.isNoSecond(old);
    if (endsConnections) await old.admin.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  }
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
