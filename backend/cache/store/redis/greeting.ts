// What a server says to whoever connects and asks nothing: why it has no room for one more client.
import { connect } from "node:net";
import type { RedisClient } from "./redis-client.js";

export interface Peer {
  readonly host: string;
  readonly port: number;
}

const SAYS_WITHIN_MS = 500;
const REFUSAL = /^-((?:ERR max number of clients|DENIED)[^\r\n]*)/;

/** Whom a client has just connected to; `undefined` where nothing is said before it asks (TLS), or nobody knows. */
export function peerOf({ stream, options }: RedisClient): Peer | undefined {
  if (!stream || "encrypted" in stream) return undefined;
  // What was written has failed already: then the stream does not know any more.
  const isAsGiven = stream.remoteAddress === undefined && !options?.sentinels && !options?.path;
  const [host, port] = isAsGiven ? [options?.host, options?.port] : [stream.remoteAddress, stream.remotePort];
  return host === undefined || port === undefined ? undefined : { host, port };
}

/**
 * A client that asks as soon as it is connected may not get to read why it was refused: what it writes to a connection that has been
 * closed fails, and takes with it what has not been read.
 *
 * @returns `undefined` where the server waits to be asked, as it should
 */
export function refusalOf(peer: Peer): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ ...peer, timeout: SAYS_WITHIN_MS });
    socket.unref();
    let said = "";
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1");
    });
    socket.on("timeout", () => socket.destroy());
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(REFUSAL.exec(said)?.[1]));
  });
}
