// Which master the sentinels mean: all of them are asked, because one that has not heard of a failover names the old master.
// Tests: test/faults/sentinel-lag.test.ts, test/contract/redis-sentinel-store.test.ts
import type { Redis, SentinelConnectionOptions, SentinelConnector } from "ioredis";
import { monotonicNow, setTimeout } from "../../timers.js";
import { endClient } from "./end-client.js";
import type { RedisClient } from "./redis-client.js";

type Connector = typeof SentinelConnector;

interface Address {
  readonly host?: string;
  readonly port?: number;
}

/** What ioredis keeps to itself, in 5 and 6. */
interface Internals {
  readonly options: { readonly name: string };
  readonly sentinelIterator: { readonly sentinels: readonly Address[] };
  connectToSentinel(endpoint: Address, options?: unknown): Redis;
  resolveMaster(client: Redis): Promise<Address | null>;
  initFailoverDetector(): Promise<void>;
}

interface Named {
  readonly address: Address;
  /** Grows with each failover; -1 where the sentinel may not be asked. */
  readonly epoch: number;
}

const NEEDED = ["connectToSentinel", "resolveMaster", "initFailoverDetector"] as const;
/** How long the others are waited for once one has answered. Who answers later is heard all the same. */
const OTHERS_WITHIN_MS = 200;
/**
 * Sentinels hear of a failover from each other every two seconds. Kept no longer: sentinels that are set up
 * anew begin at 0.
 */
const EPOCH_KEPT_MS = 30_000;

/**
 * A connector that believes the sentinel with the newest configuration (`config-epoch`), and never one with
 * an older than it has seen a moment ago. It asks once more when it has subscribed to news of failovers: what
 * was told in between nobody else would have heard.
 */
export function askingAllSentinels(Base: Connector): Connector {
  const { prototype } = Base as unknown as { readonly prototype: Partial<Internals> };
  if (!NEEDED.every((method) => typeof prototype[method] === "function")) return Base;
  return class extends Base {
    #epoch = -1;
    #epochAtMs = 0;
    #attempt = 0;
    #chosen: Named | undefined;
    readonly #clients = new Set<Redis>();

    constructor(options: SentinelConnectionOptions) {
      super(options);
      // Private in its types, which therefore cannot be overridden in any other way.
      Reflect.set(this, "resolve", (endpoint: Address) => this.#resolve(endpoint));
      Reflect.set(this, "initFailoverDetector", () => this.#listen());
      Reflect.set(this, "connectToSentinel", (...to: Parameters<Internals["connectToSentinel"]>) => {
        const client = prototype.connectToSentinel?.apply(this.#inside, to);
        // ioredis writes what nobody listens to on the console. The client tells of sentinels that are away
        // (`sentinelError`).
        client?.on("error", ignore);
        if (client) this.#know(client);
        return client;
      });
    }

    override connect(...args: Parameters<SentinelConnector["connect"]>) {
      this.#attempt++;
      return super.connect(...args);
    }

    /** Of the configuration that named the present server; `undefined` where sentinels do not say. */
    get configEpoch(): number | undefined {
      return this.#chosen === undefined || this.#chosen.epoch === -1 ? undefined : this.#chosen.epoch;
    }

    /** Its connections to sentinels, which ioredis leaves to themselves once they are told to end. */
    get sentinelClients(): Iterable<Redis> {
      return this.#clients;
    }

    #know(client: Redis): void {
      this.#clients.add(client);
      client.once("end", () => this.#clients.delete(client));
    }

    get #inside(): Internals {
      return this as unknown as Internals;
    }

    async #resolve(endpoint: Address): Promise<Address | null> {
      const { sentinels } = this.#inside.sentinelIterator;
      const others = sentinels.filter((other) => !isSame(other, endpoint)).map((other) => this.#ask(other));
      const answers: Named[] = [];
      const heard = others.map((answer) =>
        answer.then((named) => void (named && answers.push(named)), ignore),
      );
      const own = await this.#ask(endpoint);
      if (own) answers.unshift(own);
      const late = new Promise<void>((resolve) => setTimeout(() => resolve(), OTHERS_WITHIN_MS).unref());
      await Promise.race([Promise.all(heard), late]);
      this.#chosen = this.#newest(answers);
      return this.#chosen?.address ?? null;
    }

    async #listen(): Promise<void> {
      const attempt = this.#attempt;
      await prototype.initFailoverDetector?.call(this.#inside);
      const asked = this.#inside.sentinelIterator.sentinels.map((sentinel) =>
        this.#ask(sentinel).catch(ignore),
      );
      const answers = await Promise.all(asked);
      const newest = this.#newest(answers.filter((named) => named !== undefined));
      const chosen = this.#chosen;
      if (!newest || !chosen || attempt !== this.#attempt) return;
      // Also where it names the same server again: that was replaced in between.
      if (newest.epoch !== chosen.epoch || !isSame(newest.address, chosen.address)) this.disconnect();
    }

    /** `undefined` where all are older than what has been seen lately. */
    #newest(answers: readonly Named[]): Named | undefined {
      let newest: Named | undefined;
      for (const named of answers) if (!newest || named.epoch > newest.epoch) newest = named;
      const nowMs = monotonicNow();
      if (!newest || (newest.epoch < this.#epoch && nowMs - this.#epochAtMs < EPOCH_KEPT_MS))
        return undefined;
      this.#epoch = newest.epoch;
      this.#epochAtMs = nowMs;
      return newest;
    }

    async #ask(endpoint: Address): Promise<Named | undefined> {
      const client = this.#inside.connectToSentinel(endpoint);
      try {
        // In this order: a failover in between makes an old epoch of a new address, and not the reverse.
        const described = client.call("SENTINEL", "MASTER", this.#inside.options.name).catch(ignore);
        const address = await this.#inside.resolveMaster(client);
        return address ? { address, epoch: epochOf(await described) } : undefined;
      } finally {
        endClient(client as unknown as RedisClient);
      }
    }
  };
}

/** Names and values follow each other. */
function epochOf(described: unknown): number {
  const fields = Array.isArray(described) ? described.map(String) : [];
  const at = fields.indexOf("config-epoch");
  return at === -1 ? -1 : Number(fields[at + 1]);
}

function isSame(one: Address, other: Address): boolean {
  return one.host === other.host && one.port === other.port;
}

function ignore(): undefined {}
