// What a proxy in front of the app says of the request, where the app trusts it (Express's `trust proxy`).
// Tests: test/integration/console-access.test.ts
import type { IncomingMessage } from "node:http";
import { urlParts } from "../url-parts.js";

type Trusts = (address: string | undefined, hop: number) => boolean;

/** As Express has it, if it is there. */
interface ExpressRequest {
  readonly secure?: boolean;
  readonly originalUrl?: string;
  readonly app?: { get(setting: string): unknown };
}

/** The first value of a header that a proxy sets; `undefined` where the app trusts no proxy. */
export function forwardedHeader(req: IncomingMessage, name: string): string | undefined {
  const trusts = (req as ExpressRequest).app?.get("trust proxy fn") as Trusts | undefined;
  if (typeof trusts !== "function" || !trusts(req.socket.remoteAddress, 0)) return undefined;
  const value = req.headers[name];
  return (Array.isArray(value) ? value[0] : value)?.split(",")[0]?.trim();
}

export function isSecure(req: IncomingMessage): boolean {
  return (req as ExpressRequest).secure ?? "encrypted" in req.socket;
}

const PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+\/?$/;

/**
 * Where the console is, with a slash at its end, if it was asked for without one: relative URLs would lead beside
 * it. `undefined` where all is well.
 */
export function withSlash(req: IncomingMessage): string | undefined {
  const { path: original } = urlParts((req as ExpressRequest).originalUrl ?? req.url ?? "/");
  // Behind the mount: `/`, `/modules`.
  const { path } = urlParts(req.url ?? "/");
  if (original.endsWith("/") || (path !== "/" && path !== "")) return undefined;
  const forwarded = forwardedHeader(req, "x-forwarded-prefix") ?? "";
  const prefix = PREFIX.test(forwarded) ? forwarded.replace(/\/$/, "") : "";
  // One slash alone: two would be another host.
  return `${prefix}/${original.replace(/^\/+/, "")}/`;
}
