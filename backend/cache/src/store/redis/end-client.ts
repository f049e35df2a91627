// Ends a client that the cache has made: at once, also where its server answers nothing any more, or is gone.
// Tests: test/faults/closing.test.ts
import type { Socket } from "node:net";
import type { MessageClient, RedisClient } from "./redis-client.js";

type Stream = Socket & { readonly secureConnecting?: boolean };

/** What ioredis keeps to itself, in 5 and 6: how a client connects, and the client on which a Cluster hears of changes. */
interface Internals {
  readonly connector?: {
    stream?: Stream | null | undefined;
    readonly sentinelClients?: Iterable<Internals> | undefined;
  };
  readonly subscriber?: { getInstance?(): Internals | null } | null;
  nodes?(role: "all"): readonly Internals[];
}

/**
 * ioredis ends its half of a connection, and waits two seconds for the server's half: so long a process would stay that has
 * nothing else to do, where the server hangs. What has been written leaves all the same.
 */
export function endClient(client: MessageClient | RedisClient): void {
  const streams = connectorsOf(client as Internals).flatMap((connector) => {
    const { stream } = connector;
    // It would be waited for as well.
    if (stream?.destroyed) connector.stream = undefined;
    return stream && !stream.destroyed ? [stream] : [];
  });
  client.disconnect();
  for (const stream of streams) {
    if (stream.connecting || stream.secureConnecting) stream.destroy();
    else stream.destroySoon();
  }
}

function connectorsOf(client: Internals): NonNullable<Internals["connector"]>[] {
  const { connector, subscriber } = client;
  const others = [
    ...(connector?.sentinelClients ?? []),
    ...(client.nodes?.("all") ?? []),
    ...[subscriber?.getInstance?.() ?? []].flat(),
  ];
  return [...(connector ? [connector] : []), ...others.flatMap(connectorsOf)];
}
