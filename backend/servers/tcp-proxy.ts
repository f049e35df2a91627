// A small TCP proxy that cuts or stalls a connection: a network partition between one client and one server.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { createServer as createTlsServer } from "node:tls";
import { projectFile } from "../project-root.js";

export interface TcpProxy {
  readonly port: number;
  /** Resets all connections and refuses new ones. */
  cut(): void;
  /** Keeps connections open and passes nothing on: what a lost host looks like. */
  stall(): void;
  /** Passes everything on again, also what was stalled. */
  heal(): void;
  /** Resets all connections, and leads the next ones to another server. */
  leadTo(port: number): void;
  close(): Promise<void>;
}

const tlsFile = (name: string) => readFileSync(projectFile("backend/servers/tls", name));
/** What a proxy that speaks TLS says that it is: `localhost`. */
export const CERTIFICATE = tlsFile("cert.pem");

export interface TcpProxyOptions {
  /** With its clients, by {@link CERTIFICATE}. */
  readonly speaksTls?: boolean;
  /** Changes what the server says on its way; must not change how long it is. */
  readonly rewrite?: (bytes: Buffer) => Buffer;
  /** How long what comes now is on its way, one way, milliseconds; its order stays. Timers add up to one. */
  readonly delayMs?: () => number;
}

/** Listens on a free loopback port in front of `targetPort`. */
export async function startTcpProxy(
  targetPort: number,
  { speaksTls = false, rewrite, delayMs }: TcpProxyOptions = {},
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let target = targetPort;
  let state: "open" | "stalled" | "cut" = "open";
  const track = (socket: Socket) => {
    sockets.add(socket);
    // As Redis and its clients have it: what is sent in two pieces must not wait for an acknowledgment.
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
  };
  const serve = (client: Socket) => {
    track(client);
    if (state === "cut") {
      resetConnection(client);
      return;
    }
    const upstream = connect(target, "127.0.0.1");
    track(upstream);
    if (delayMs) passLater(client, upstream, delayMs);
    else client.pipe(upstream);
    if (delayMs) passLater(upstream, client, delayMs);
    else if (rewrite) upstream.on("data", (bytes) => client.write(rewrite(bytes)));
    else upstream.pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
    if (state === "stalled") for (const socket of [client, upstream]) socket.pause();
  };
  const server = speaksTls
    ? createTlsServer({ cert: CERTIFICATE, key: tlsFile("key.pem") }, serve)
    : createServer(serve);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = "cut";
      for (const socket of sockets) resetConnection(socket);
    },
    stall() {
      state = "stalled";
      for (const socket of sockets) socket.pause();
    },
    heal() {
      state = "open";
      for (const socket of sockets) socket.resume();
    },
    leadTo(port) {
      target = port;
      for (const socket of sockets) resetConnection(socket);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function passLater(from: Socket, to: Socket, delayMs: () => number): void {
  let passed = Promise.resolve();
  from.on("data", (bytes: Buffer) => {
    const dueAtMs = performance.now() + delayMs();
    passed = passed
      .then(() => delay(Math.max(0, dueAtMs - performance.now())))
      .then(() => void to.write(bytes));
  });
}

/**
 * A reset while a socket's end is being sent fails in Node without a word, and the process can then never
 * end: it spins at its exit.
 */
export function resetConnection(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
