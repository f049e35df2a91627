// A Cluster of node-redis, as the store knows Clusters: a client for each node, and which of them has which slot.
// Tests: test/contract/node-redis-store.test.ts

import { clearTimeout, monotonicNow, setTimeout, type Timer } from "../../timers.js";
import {
  type CommandArgument,
  type Heeded,
  type NodeRedis,
  NodeRedisClient,
  NodeRedisCommands,
  type ReplyOptions,
} from "./node-redis.js";
import type { NodeRedisSubscriber } from "./node-redis-messages.js";
import type { Emitter, RedisClient, RedisClusterClient } from "./redis-client.js";

interface MasterNode {
  readonly address: string;
  readonly host: string;
  readonly port: number;
}

/** What of `createCluster()` is called. */
export interface NodeRedisCluster extends Emitter {
  readonly isOpen: boolean;
  readonly masters: readonly MasterNode[];
  readonly slots: readonly ({ readonly master: MasterNode } | undefined)[];
  /** Connects, where it has not yet. */
  nodeClient(master: MasterNode): Promise<NodeRedis>;
  duplicate(): NodeRedisSubscriber;
  sendCommand(
    firstKey: string,
    isReadonly: boolean,
    args: readonly CommandArgument[],
    options: ReplyOptions,
  ): Promise<unknown>;
  /** Asks the nodes anew who has the slots. Not public: where it has gone, that is left to the Cluster. */
  readonly _slots?: { rediscover?(startWith: NodeRedis): Promise<void> } | undefined;
}

interface KnownNode {
  readonly theirs: NodeRedis;
  readonly client: NodeRedisClient;
}

/** A node that has died is connected to for as long as it is in the Cluster: nobody waits for that. */
const CONNECTED_WITHIN_MS = 1000;
const REDISCOVERED_AT_MOST_EVERY_MS = 500;

export class NodeRedisClusterClient extends NodeRedisCommands implements RedisClusterClient {
  readonly isCluster = true;
  readonly options: RedisClient["options"] = undefined;
  readonly #cluster: NodeRedisCluster;
  readonly #nodes = new Map<string, KnownNode>();
  #slots: (readonly string[] | undefined)[] = [];
  #isHeeding = false;
  #rediscoveredAtMs = Number.NEGATIVE_INFINITY;
  readonly #heeded: Heeded = [
    ["connect", () => void this.#look()],
    ["node-ready", () => void this.#look()],
    ["disconnect", () => this.tell("end")],
    ["node-error", (error: unknown) => this.#nodeFailed(error)],
    ["error", (error: unknown) => this.tell("error", error)],
  ];

  constructor(cluster: NodeRedisCluster) {
    super();
    this.#cluster = cluster;
  }

  get status(): string {
    if (!this.#cluster.isOpen) return "end";
    return this.#nodes.size > 0 ? "ready" : "connecting";
  }

  get slots(): readonly (readonly string[] | undefined)[] {
    return this.#slots;
  }

  nodes(_role: "master"): RedisClient[] {
    return [...this.#nodes.values()].map(({ client }) => client);
  }

  refreshSlotsCache(done: (error?: Error) => void): void {
    void this.#rediscover().then(
      () => done(),
      () => done(),
    );
  }

  protected newSubscriber(): NodeRedisSubscriber {
    return this.#cluster.duplicate();
  }

  protected send(key: string, args: readonly CommandArgument[], options: ReplyOptions): Promise<unknown> {
    return this.#cluster.sendCommand(key, false, args, options);
  }

  protected heed(): void {
    this.#isHeeding = true;
    for (const [event, listener] of this.#heeded) this.#cluster.on(event, listener);
    void this.#look();
  }

  protected ignore(): void {
    this.#isHeeding = false;
    for (const [event, listener] of this.#heeded) this.#cluster.off(event, listener);
  }

  /** node-redis 5 goes on connecting to a master that is gone, and asks nobody who has its slots now. */
  #nodeFailed(error: unknown): void {
    this.tell("node error", error);
    if (monotonicNow() - this.#rediscoveredAtMs < REDISCOVERED_AT_MOST_EVERY_MS) return;
    this.#rediscoveredAtMs = monotonicNow();
    void this.#rediscover();
  }

  async #rediscover(): Promise<void> {
    const [known] = [...this.#nodes.values()].filter(({ theirs }) => theirs.isReady);
    const slots = this.#cluster._slots;
    if (known && slots?.rediscover) await within(CONNECTED_WITHIN_MS, slots.rediscover(known.theirs));
    await this.#look();
  }

  /** Takes over the masters and their slots as the Cluster knows them at present. */
  async #look(): Promise<void> {
    if (!this.#cluster.isOpen) return;
    const wasReady = this.status === "ready";
    const masters = new Map(this.#cluster.masters.map((master) => [addressOf(master), master]));
    for (const [address, { client }] of this.#nodes) {
      if (masters.has(address)) continue;
      this.#nodes.delete(address);
      this.tell("-node", client);
    }
    await Promise.all([...masters].map(([address, master]) => this.#takeOver(address, master)));
    if (!this.#isHeeding) return;
    this.#slots = this.#cluster.slots.map((shard) => shard && [addressOf(shard.master)]);
    this.tell("refresh");
    if (!wasReady && this.status === "ready") this.tell("ready");
  }

  async #takeOver(address: string, master: MasterNode): Promise<void> {
    const theirs = await within(CONNECTED_WITHIN_MS, this.#cluster.nodeClient(master));
    const known = this.#nodes.get(address);
    if (!theirs || known?.theirs === theirs || !this.#isHeeding) return;
    const client = new NodeRedisClient(theirs, { host: master.host, port: master.port });
    this.#nodes.set(address, { theirs, client });
    if (known) this.tell("-node", known.client);
    this.tell("+node", client);
  }
}

function addressOf({ host, port }: MasterNode): string {
  return `${host}:${port}`;
}

/** `undefined` where it fails, or takes longer. */
function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: Timer | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms).unref();
  });
  const done = work.catch(() => undefined);
  return Promise.race([done, late]).finally(() => clearTimeout(timer));
}
