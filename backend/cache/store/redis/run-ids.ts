// Which server process answers for a key: entries written under another one are not believed.
import calculateSlot from "cluster-key-slot";
import {
  isClusterClient,
  type RedisClient,
  type RedisClusterClient,
  type RedisNodeClient,
} from "./redis-client.js";

/**
 * A promoted replica may hold old fences and old entries: what the old master acknowledged last may not have reached it. Its
 * run id differs, so entries that carry the id of the server they were made under are misses there. A server that is demoted and
 * promoted again without a restart keeps its run id but takes a new replication id, so both are part of the id.
 */
export interface RunIds {
  /** The run id behind the connection that a command for `key` would use now; `undefined` while it is not known. */
  of(key: string): string | undefined;
  /** Whether any server is known: the store may be used. */
  readonly known: boolean;
}

/** @param onRefused is told why a server that is connected does not say who it is: its `INFO` may be forbidden */
export function trackRunIds(
  client: RedisClient,
  onChange: () => void,
  onRefused: (error: unknown) => void,
): RunIds {
  return isClusterClient(client)
    ? new ClusterRunIds(client, onChange, onRefused)
    : new ConnectionRunId(client, onChange, onRefused);
}

// 64 bits of each are as good as all 160.
const ID_LENGTH = 16;

/** One connection: the id is learnt on every `ready` and forgotten on every `close`. */
class ConnectionRunId implements RunIds {
  readonly #client: RedisClient;
  readonly #onChange: () => void;
  readonly #onRefused: (error: unknown) => void;
  #runId: string | undefined;
  #connections = 0;

  constructor(client: RedisClient, onChange: () => void, onRefused: (error: unknown) => void) {
    this.#client = client;
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    client.on("ready", () => void this.#learn());
    client.on("close", () => this.#forget());
    client.on("end", () => this.#forget());
    if (client.status === "ready") void this.#learn();
  }

  get known(): boolean {
    return this.#runId !== undefined;
  }

  of(_key: string): string | undefined {
    return this.#runId;
  }

  async #learn(): Promise<void> {
    const connection = ++this.#connections;
    try {
      const [server, replication] = await Promise.all([
        this.#client.info("server"),
        this.#client.info("replication"),
      ]);
      const runId = /^run_id:(\w+)/m.exec(server)?.[1];
      const replicationId = /^master_replid:(\w+)/m.exec(replication)?.[1];
      // The answer of a connection that has been lost since must not name the server of the next one.
      if (connection !== this.#connections || !runId || !replicationId) return;
      this.#runId = runId.slice(0, ID_LENGTH) + replicationId.slice(0, ID_LENGTH);
      this.#onChange();
    } catch (error) {
      // Where the connection was lost again the next `ready` asks anew.
      if (connection === this.#connections) this.#onRefused(error);
    }
  }

  #forget(): void {
    this.#connections++;
    if (this.#runId === undefined) return;
    this.#runId = undefined;
    this.#onChange();
  }
}

/** One id for each node; a key's id is that of the master of its slot. */
class ClusterRunIds implements RunIds {
  readonly #client: RedisClusterClient;
  readonly #onChange: () => void;
  readonly #onRefused: (error: unknown) => void;
  readonly #nodes = new WeakMap<RedisNodeClient, ConnectionRunId>();

  constructor(client: RedisClusterClient, onChange: () => void, onRefused: (error: unknown) => void) {
    this.#client = client;
    this.#onChange = onChange;
    this.#onRefused = onRefused;
    client.on("+node", (node: RedisNodeClient) => {
      if (!node.options.readOnly) this.#watch(node);
    });
    client.on("-node", () => this.#onChange());
    for (const node of client.nodes("master")) this.#watch(node);
  }

  /** Every master: an invalidation that one shard misses would leave the whole cache in doubt, so it is one unit. */
  get known(): boolean {
    const masters = this.#client.nodes("master");
    return masters.length > 0 && masters.every((node) => this.#watch(node).known);
  }

  of(key: string): string | undefined {
    const master = this.#client.slots[calculateSlot(key)]?.[0];
    const node = this.#client
      .nodes("master")
      .find(({ options }) => `${options.host}:${options.port}` === master);
    return node && this.#watch(node).of(key);
  }

  #watch(node: RedisNodeClient): ConnectionRunId {
    const watched = this.#nodes.get(node);
    if (watched) return watched;
    const runId = new ConnectionRunId(node, this.#onChange, this.#onRefused);
    this.#nodes.set(node, runId);
    // Cluster clients connect to a node with the first command for it, which is only sent once its id is known.
    if (node.status === "wait") node.connect().catch(() => undefined);
    return runId;
  }
}
