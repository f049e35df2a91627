// The app on a loopback port, and requests to it whose answers are kept as bytes.
// Tests: test/integration/verify-routes.test.ts

import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  request,
} from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../thrown.js";

export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
}

/** In what a read differs from the tenant's own. */
export interface ReadOptions {
  /** Default: the tenant's own. */
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** What the cache's events have told of its request, as Cache-Status would; absent where that was not listened to. */
  readonly told?: string | undefined;
}

/** When a client goes away: before there is any answer, or with its first bytes. */
export type AbortMoment = "sent" | "answered";

export interface ServedApp {
  /** @throws Error where there is no whole answer within the timeout */
  send(exchange: Exchange): Promise<Answer>;
  /** Sends, and hangs up. Resolves once the connection is closed. */
  abort(exchange: Exchange, moment: AbortMoment): Promise<void>;
  close(): Promise<void>;
}

/** @param timeoutMs for each request, milliseconds */
export async function serveApp(app: RequestListener, timeoutMs: number): Promise<ServedApp> {
  const server = createServer(app);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const open = ({ method, path, headers, body }: Exchange, signal: AbortSignal) => {
    const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
    // A connection each: an aborted request must not take another one with it.
    const outgoing = request({
      port,
      method,
      path,
      agent: false,
      signal,
      headers: { ...headers, ...length },
    });
    // Seen by whoever awaits the answer; without a listener it would also end the process.
    outgoing.on("error", () => undefined);
    outgoing.end(body);
    return outgoing;
  };

  return {
    async send(exchange) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        const [incoming] = (await once(open(exchange, signal), "response")) as [IncomingMessage];
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) chunks.push(chunk as Buffer);
        return { status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks) };
      } catch (cause) {
        const why = signal.aborted ? `no whole answer within ${timeoutMs} ms` : messageOf(cause);
        throw new Error(`${exchange.method} ${exchange.path}: ${why}`, { cause });
      }
    },
    async abort(exchange, moment) {
      const outgoing = open(exchange, AbortSignal.timeout(timeoutMs));
      const hangUp = () => outgoing.destroy();
      if (moment === "sent") outgoing.once("finish", hangUp);
      else {
        outgoing.once("response", (incoming: IncomingMessage) => {
          incoming.on("error", () => undefined).once("data", hangUp);
        });
      }
      // Not `once`, which would take the error of hanging up for a failure.
      await new Promise((closed) => outgoing.once("close", closed));
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
