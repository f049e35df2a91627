// Where the API will listen, checked before anything else is started.
import { once } from "node:events";
import { createServer } from "node:net";

/** An address to listen on. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Refuses an address that cannot be listened on now.
 * @throws Error in one line that says what to do
 */
export async function checkListenAddress({ host, port }: ListenAddress): Promise<void> {
  const probe = createServer();
  probe.listen({ host, port, exclusive: true });
  try {
    await once(probe, "listening");
  } catch (error) {
    throw new Error(explain(error, host, port), { cause: error });
  }
  probe.close();
  await once(probe, "close");
}

function explain(error: unknown, host: string, port: number): string {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EADDRINUSE") {
    return `port ${port} is in use: stop what listens there, or choose another: PORT=${port + 1} npm start`;
  }
  if (code === "EACCES") return `port ${port} may not be used by this user: choose one from 1024 up`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return `HOST=${host} is no address of this machine`;
  return String(error);
}

/** A URL that reaches the address from this machine. */
export function localUrl({ host, port }: ListenAddress): string {
  const isEveryAddress = host === "0.0.0.0" || host === "::";
  const name = isEveryAddress ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return `http://${name}:${port}`;
}
