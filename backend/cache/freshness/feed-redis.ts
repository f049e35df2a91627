// The Redis of a run of the feed: a master, a replica and sentinels, which faults flush, restart and fail over.
// Tests: test/faults/freshness-feed.test.ts
import { setTimeout as delay } from "node:timers/promises";
import type { Redis } from "ioredis";
import { type RedisSentinels, startRedisSentinels } from "../../servers/redis-sentinel.js";
import type { RedisServer } from "../../servers/redis-server.js";
import { between, type Random } from "./random.js";
import { beginReplication, cutOffReplica, prepareForReplication } from "./replication.js";
import { untilReplicating } from "./roles.js";
import { adminOf } from "./topology.js";

interface Node {
  readonly server: RedisServer;
  readonly admin: Redis;
}

export class FeedRedis {
  readonly #sentinels: RedisSentinels;
  readonly #nodes: readonly Node[];

  private constructor(sentinels: RedisSentinels, nodes: readonly Node[]) {
    this.#sentinels = sentinels;
    this.#nodes = nodes;
  }

  static async start(): Promise<FeedRedis> {
    const sentinels = await startRedisSentinels();
    const nodes = [sentinels.master, sentinels.replica].map((server) => ({ server, admin: adminOf(server) }));
    await beginReplication(nodes, sentinels);
    return new FeedRedis(sentinels, nodes);
  }

  /** What ioredis needs to find the master. */
  get options(): RedisSentinels["options"] {
    return this.#sentinels.options;
  }

  get servers(): readonly RedisServer[] {
    return this.#nodes.map(({ server }) => server);
  }

  async flush(): Promise<void> {
    const { master } = await this.#roles();
    await master.admin.flushall();
  }

  /** The master killed and started again at once, empty: no sentinel has missed it. */
  async restart(random: Random): Promise<void> {
    const { master } = await this.#roles();
    await master.server.kill();
    await delay(between(random, 0, 300));
    await master.server.restart();
    await prepareForReplication(master.admin);
    // Who was started as a replica would follow its own.
    await master.admin.replicaof("NO", "ONE");
    await this.#roles();
  }

  /** The replica is cut off for a while, the master killed, and the replica made master: what was written last is lost. */
  async failOver(random: Random): Promise<void> {
    const { master, replica } = await this.#roles();
    await cutOffReplica(master.admin);
    await delay(between(random, 100, 600));
    await master.server.kill();
    try {
      await this.#sentinels.failedOver(master.server.port);
    } finally {
      await master.server.restart();
      await prepareForReplication(master.admin);
    }
    await master.admin.replicaof(replica.server.host, replica.server.port);
    await this.#roles();
  }

  async stop(): Promise<void> {
    for (const { admin } of this.#nodes) admin.disconnect();
    await this.#sentinels.stop();
  }

  #roles() {
    return untilReplicating(this.#nodes, this.#sentinels);
  }
}
