// From a URL of Redis servers to the options of a client, with what has no place in a URL: TLS, and who one is to the sentinels.
// Tests: test/unit/redis-url.test.ts
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import type { RedisOption } from "./redis-option.js";
import type { Address, RedisUrl } from "./redis-url.js";

export * from "./redis-url.js";

/** Options of ioredis that a URL and what goes beside it decide. Not its types: they are there where it is installed. */
export interface ServerOptions {
  readonly host?: string;
  readonly port?: number;
  readonly db?: number;
  readonly family?: number;
  readonly username?: string;
  readonly password?: string;
  readonly tls?: ConnectionOptions;
  readonly sentinels?: Address[];
  readonly name?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly sentinelTLS?: ConnectionOptions;
  readonly enableTLSForSentinelMode?: boolean;
  readonly failoverDetector?: boolean;
  readonly sentinelCommandTimeout?: number;
}

/** What ioredis needs to connect to a single server, to a master by its sentinels, or to a Cluster. */
export type RedisServers =
  | { readonly kind: "single" | "sentinel"; readonly options: ServerOptions }
  | {
      readonly kind: "cluster";
      readonly nodes: readonly Address[];
      /** Of each node's connection. */
      readonly options: ServerOptions;
    };

/** What goes beside a URL. */
export interface BesideUrl {
  /** Given where the URL uses TLS. */
  readonly tls?: ConnectionOptions | undefined;
  readonly sentinel?: Pick<ServerOptions, "sentinelUsername" | "sentinelPassword"> | undefined;
}

/** A sentinel that hangs is left for the next one. */
const SENTINEL_ANSWERS_WITHIN_MS = 2000;

export function serversOf(url: RedisUrl, { tls, sentinel }: BesideUrl = {}): RedisServers {
  const { kind, addresses, username, password, family } = url;
  const options: ServerOptions = {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(family !== undefined && { family }),
    ...(tls && { tls }),
  };
  if (kind === "cluster") return { kind, nodes: addresses, options };
  if (kind === "single") {
    const [{ host, port }] = addresses;
    // Node sends no server name of its own accord (RFC 6066 section 3), and servers behind one address are
    // told apart by it.
    const named = tls && isIP(host) === 0 ? { tls: { servername: host, ...tls } } : {};
    return { kind, options: { ...options, ...named, host, port, db: url.db } };
  }
  return {
    kind,
    options: {
      ...options,
      ...sentinel,
      sentinels: [...addresses],
      name: url.master ?? "",
      db: url.db,
      failoverDetector: true,
      sentinelCommandTimeout: SENTINEL_ANSWERS_WITHIN_MS,
      ...(tls && { sentinelTLS: tls, enableTLSForSentinelMode: true }),
    },
  };
}

/** The `redis` option of a cache. */
export function redisOption(servers: RedisServers): RedisOption {
  return servers.kind === "cluster"
    ? { cluster: servers.nodes, redisOptions: servers.options }
    : servers.options;
}

/** For logs and people: where it is, without secrets. */
export function describeServers({ kind, options, ...rest }: RedisServers): string {
  const tls = options.tls ? ", TLS" : "";
  if (kind === "single") return `${options.host}:${options.port}${tls}`;
  if (kind === "sentinel") return `Sentinel, master ${options.name}${tls}`;
  const nodes = "nodes" in rest ? rest.nodes : [];
  return `Cluster, ${nodes.map(({ host, port }) => `${host}:${port}`).join(", ")}${tls}`;
}
