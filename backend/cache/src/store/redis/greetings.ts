// What a server says to a connection that it does not take (`maxclients`, `DENIED`): ioredis tells only that the connection was closed.
// Tests: test/faults/refusals.test.ts
import net from "node:net";
import { clearTimeout, setTimeout } from "../../timers.js";
import type { Listeners } from "./listeners.js";
import type { RedisClient } from "./redis-client.js";

const ANSWERS_WITHIN_MS = 500;

interface Peer {
  readonly host: string;
  readonly port: number;
}

/** Calls `said` with each such greeting, for as long as `listeners` last. */
export function heedGreetings(
  client: RedisClient,
  listeners: Listeners,
  said: (greeting: string) => void,
): void {
  // Where the client finds its server in another way, it is known once it has been connected to.
  const { options } = client;
  let peer = options?.sentinels || options?.path ? undefined : peerIn(options);
  let isUnheard = false;
  listeners.add(client, "connect", () => {
    const { stream } = client;
    peer = peerIn({ host: stream?.remoteAddress, port: stream?.remotePort }) ?? peer;
    isUnheard = true;
    stream?.once?.("data", (bytes: Buffer | string) => {
      isUnheard = false;
      const greeting = greetingIn(bytes.toString("latin1"));
      if (greeting !== undefined) said(greeting);
    });
  });
  // What ioredis writes at once may meet a connection that is closed already, which ends it before anything
  // is read.
  listeners.add(client, "close", () => {
    if (!isUnheard || !peer || client.options?.tls) return;
    isUnheard = false;
    void listen(peer).then((greeting) => greeting !== undefined && said(greeting));
  });
}

function peerIn(place: { readonly host?: unknown; readonly port?: unknown } | undefined): Peer | undefined {
  const { host, port } = place ?? {};
  return typeof host === "string" && typeof port === "number" ? { host, port } : undefined;
}

function greetingIn(text: string): string | undefined {
  return /^-((?:ERR max number of clients|DENIED)[^\r\n]*)/.exec(text)?.[1];
}

/** Connects, and says nothing. */
function listen(peer: Peer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect(peer);
    socket.unref();
    const end = (greeting?: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(greeting);
    };
    const timer = setTimeout(() => end(), ANSWERS_WITHIN_MS).unref();
    socket.once("data", (bytes: Buffer) => end(greetingIn(bytes.toString("latin1"))));
    socket.once("error", () => end());
    socket.once("close", () => end());
  });
}
