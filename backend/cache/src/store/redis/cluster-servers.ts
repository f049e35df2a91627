// The masters of a Redis Cluster: commands go to the one that has the slot, so that a slot in trouble says so at once and for itself.
// Tests: test/contract/redis-cluster-store.test.ts, test/faults/cluster-slots.test.ts
import calculateSlot from "cluster-key-slot";
import { BackOff } from "../../back-off.js";
import { clearTimeout, monotonicNow, setImmediate, setTimeout, type Timer } from "../../timers.js";
import { GroupUnavailable, NotConnected } from "../store-errors.js";
import { messageOf, reasonIn } from "./error-messages.js";
import { Listeners } from "./listeners.js";
import type { RedisClient, RedisClusterClient } from "./redis-client.js";
import { ServerLink } from "./server-link.js";
import { PROBE_TENANT, type ProbePlace, type Servers, type ServersListener } from "./servers.js";

/**
 * ioredis tries for longer than anybody waits; what concerns one slot must not look like a store that hangs.
 */
const ALONE_WITHIN_MS = 25;
/**
 * ioredis looks for the owners of slots when it sends a command itself; what goes to the nodes directly has
 * them looked for here.
 */
const FIRST_SEARCH_MS = 100;
const MAX_SEARCH_MS = 2000;
/** Tags that are tried for each master until one of its slots is met. */
const TAGS_FOR_EACH_MASTER = 200;

export class ClusterServers implements Servers {
  readonly #client: RedisClusterClient;
  readonly #listener: ServersListener;
  readonly #listeners = new Listeners();
  readonly #links = new Map<RedisClient, ServerLink>();
  /** The same by address: each command asks for one, however many masters there are. */
  readonly #byAddress = new Map<string, ServerLink>();
  readonly #searches = new BackOff(FIRST_SEARCH_MS, MAX_SEARCH_MS);
  #refresh: Promise<void> | undefined;
  #search: Timer | undefined;
  #isClosed = false;

  constructor(client: RedisClusterClient, listener: ServersListener) {
    this.#client = client;
    this.#listener = listener;
    for (const event of ["ready", "close", "end"])
      this.#listeners.add(client, event, () => listener.changed());
    this.#listeners.add(client, "+node", () => this.#watchMasters());
    this.#listeners.add(client, "refresh", () => this.#watchMasters());
    this.#listeners.add(client, "-node", (node: RedisClient) => {
      this.#drop(node);
      this.#searchOwners();
      listener.changed();
    });
    this.#listeners.add(client, "node error", (error: unknown) => {
      const reason = reasonIn(error);
      if (reason !== undefined) listener.troubled(reason);
    });
    this.#watchMasters();
  }

  get known(): boolean {
    const owners = this.#owners();
    return owners.size > 0 && [...owners].every((address) => this.#linkAt(address)?.identity !== undefined);
  }

  groupOf(key: string): string {
    return String(calculateSlot(key));
  }

  of(key: string): ServerLink {
    const slot = calculateSlot(key);
    const address = this.#client.slots[slot]?.[0];
    if (address === undefined)
      throw new GroupUnavailable(String(slot), "CLUSTERDOWN a slot is served by no node");
    const link = this.#linkAt(address);
    if (!link) {
      this.#searchOwners();
      throw new NotConnected("the node of a slot is not connected");
    }
    return link;
  }

  async run<T>(key: string, step: (link: ServerLink) => Promise<T>): Promise<T> {
    const link = this.of(key);
    try {
      return await step(link);
    } catch (error) {
      const message = messageOf(error);
      if (message.startsWith("MOVED")) {
        await this.#refreshSlots();
        const next = this.of(key);
        if (next !== link) return step(next);
      }
      throw isOfSlot(message) ? new GroupUnavailable(this.groupOf(key), message) : error;
    }
  }

  async runOnAll(
    keys: readonly string[],
    together: (link: ServerLink) => Promise<unknown>,
    alone: (client: RedisClient, key: string) => Promise<unknown>,
  ): Promise<unknown> {
    const [first = ""] = keys;
    const startedAtMs = monotonicNow();
    try {
      return await this.run(first, together);
    } catch (error) {
      // TRYAGAIN, ASK: some keys of the slot are here and some are there. Each of them alone is in one place.
      if (!(error instanceof GroupUnavailable && /^(TRYAGAIN|ASK)\b/.test(error.message))) throw error;
      const withinMs = Math.max(ALONE_WITHIN_MS, 3 * (monotonicNow() - startedAtMs));
      const all = Promise.all(keys.map((key) => alone(this.#client, key)));
      return await within(withinMs, all).catch((reason: unknown) => {
        throw new GroupUnavailable(error.group, messageOf(reason));
      });
    }
  }

  probes(): readonly ProbePlace[] {
    const masters = new Set([...this.#links.values()]);
    const places: ProbePlace[] = [];
    const tags = masters.size * TAGS_FOR_EACH_MASTER;
    for (let tag = 0; tag < tags && masters.size > 0; tag++) {
      const tenant = `${PROBE_TENANT}${tag}`;
      const address = this.#client.slots[calculateSlot(tenant)]?.[0];
      const link = address === undefined ? undefined : this.#linkAt(address);
      if (link && masters.delete(link)) places.push({ link, tenants: [tenant, tenant] });
    }
    return places;
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#search);
    this.#listeners.removeAll();
    for (const link of this.#links.values()) link.stop();
    this.#links.clear();
    this.#byAddress.clear();
  }

  #linkAt(address: string): ServerLink | undefined {
    return this.#byAddress.get(address);
  }

  #drop(node: RedisClient): void {
    const link = this.#links.get(node);
    if (!link) return;
    link.stop();
    this.#links.delete(node);
    // A node that has come back at its address has another link already.
    if (this.#byAddress.get(addressOf(node)) === link) this.#byAddress.delete(addressOf(node));
  }

  /**
   * The addresses of the nodes that slots are served by; one that has died keeps its slots until others are
   * told.
   */
  #owners(): Set<string> {
    const owners = new Set<string>();
    let last: string | undefined;
    for (const nodes of this.#client.slots) {
      const address = nodes?.[0];
      if (address !== undefined && address !== last) owners.add(address);
      last = address;
    }
    return owners;
  }

  /** Asks who has the slots until all of their owners are there. */
  #searchOwners(): void {
    if (this.#search || this.#isClosed) return;
    this.#search = setTimeout(async () => {
      await this.#refreshSlots();
      this.#search = undefined;
      if ([...this.#owners()].every((address) => this.#linkAt(address))) this.#searches.reset();
      else this.#searchOwners();
      if (!this.#isClosed) this.#listener.changed();
    }, this.#searches.next()).unref();
  }

  #watchMasters(): void {
    const owners = this.#owners();
    for (const node of this.#client.nodes("master")) {
      // Those that are passed to begin with are all taken for masters until one of them has said who is.
      if (this.#links.has(node) || !owners.has(addressOf(node))) continue;
      const { changed, troubled, noticed } = this.#listener;
      // The slots name a replica as their master: a failover that this client has not heard of.
      const misled = () => void this.#refreshSlots();
      const link = new ServerLink(node, { changed, troubled, noticed, misled }, true);
      this.#links.set(node, link);
      this.#byAddress.set(addressOf(node), link);
      // Cluster clients connect to a node with the first command for it, which is only sent once the node is
      // known.
      if (node.status === "wait") node.connect?.().catch(() => undefined);
    }
  }

  #refreshSlots(): Promise<void> {
    this.#refresh ??= new Promise<void>((resolve) => {
      this.#client.refreshSlotsCache(() => {
        this.#refresh = undefined;
        if (!this.#isClosed) this.#watchMasters();
        resolve();
      });
    });
    return this.#refresh;
  }
}

function addressOf({ options }: RedisClient): string {
  return `${options?.host}:${options?.port}`;
}

/** What a node says of one slot, and not of itself. */
function isOfSlot(message: string): boolean {
  return /^(MOVED|ASK|TRYAGAIN|CROSSSLOT|CLUSTERDOWN Hash slot not served)\b/.test(message);
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: Timer | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const giveUp = () => reject(new Error("a slot that is being moved does not answer"));
    // After a turn in which what has arrived is read: a busy process is not a slow server.
    timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
