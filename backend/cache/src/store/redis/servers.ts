// The servers behind a client: one, or the masters of a Cluster, and which of them a key belongs to.
// Tests: test/contract/redis-cluster-store.test.ts, test/contract/redis-client-store.test.ts
import type { RedisClient } from "./redis-client.js";
import { type LinkListener, ServerLink } from "./server-link.js";

export interface ServersListener {
  /** Whether the store can be used may have changed. */
  changed(): void;
  /** Why it cannot. */
  troubled(reason: string): void;
  noticed(notice: string): void;
}

/** Keys to try a server with, two tenants' where one command may have both, and none that anybody uses. */
export interface ProbePlace {
  readonly link: ServerLink;
  readonly tenants: readonly [string, string];
}

export interface Servers {
  /** All of them: an invalidation that one misses would leave the whole cache in doubt. */
  readonly known: boolean;
  /** Names the group of keys that one command can have together. */
  groupOf(key: string): string;
  /** @throws NotConnected, GroupUnavailable */
  of(key: string): ServerLink;
  /**
   * Runs a step on the server that has the key.
   * @throws GroupUnavailable where no server has it at present
   */
  run<T>(key: string, step: (link: ServerLink) => Promise<T>): Promise<T>;
  /**
   * Runs a step that each key could take alone: key by key where a Cluster is moving some of them.
   * @param alone runs it through the client as a whole, which finds the server that has the key now
   */
  runOnAll(
    keys: readonly string[],
    together: (link: ServerLink) => Promise<unknown>,
    alone: (client: RedisClient, key: string) => Promise<unknown>,
  ): Promise<unknown>;
  probes(): readonly ProbePlace[];
  /** Leaves the clients as they were found. */
  close(): void;
}

/** No valid id of a tenant, so nobody's keys. */
export const PROBE_TENANT = "!probe";

export class SingleServer implements Servers {
  readonly #link: ServerLink;

  /** @param misled called where the server turns out to be a replica */
  constructor(client: RedisClient, listener: LinkListener) {
    this.#link = new ServerLink(client, listener);
  }

  get known(): boolean {
    return this.#link.identity !== undefined;
  }

  groupOf(_key: string): string {
    return "";
  }

  of(_key: string): ServerLink {
    return this.#link;
  }

  run<T>(_key: string, step: (link: ServerLink) => Promise<T>): Promise<T> {
    return step(this.#link);
  }

  runOnAll(_keys: readonly string[], together: (link: ServerLink) => Promise<unknown>): Promise<unknown> {
    return together(this.#link);
  }

  probes(): readonly ProbePlace[] {
    return [{ link: this.#link, tenants: [PROBE_TENANT, `${PROBE_TENANT}2`] }];
  }

  close(): void {
    this.#link.stop();
  }
}

/**
 * Removes keys of one group, and has the server prove that it is the one to remove them from: fences may be
 * among them.
 */
export function removeKeys(servers: Servers, keys: readonly string[]): Promise<unknown> {
  const [first = ""] = keys;
  return servers.runOnAll(
    keys,
    (link) => link.proven(first, (client) => client.unlink(...keys)),
    (client, key) => client.unlink(key),
  );
}
