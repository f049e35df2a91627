// A real HTTP server around an Express app, and requests to it, for tests of the library.
import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import express, { type Express } from "express";

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
  /** What the Cache-Status header says after the cache's name: `hit`, `fwd=miss; stored`, … without `ttl`. */
  readonly cache: string;
}

export interface HttpApp {
  readonly url: string;
  readonly server: Server;
  /** A request as a tenant (default `tenant-1`), told by the header `x-tenant`. */
  request(path: string, init?: RequestInit & { tenant?: string }): Promise<Answer>;
  close(): Promise<void>;
}

/** Listens on a free loopback port. */
export async function serve(
  build: (app: Express) => void,
  create: () => Express = express,
): Promise<HttpApp> {
  const app = create();
  build(app);
  const server: Server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const closed = once(server, "close");
  return {
    url,
    server,
    async request(path, { tenant = "tenant-1", ...init } = {}) {
      const headers = new Headers(init.headers);
      if (tenant !== "") headers.set("x-tenant", tenant);
      const response = await fetch(url + path, { ...init, headers, redirect: "manual" });
      const status = response.headers.get("cache-status") ?? "";
      const cache = status.replace(/^express-tenant-cache; /, "").replace(/; ttl=\d+$/, "");
      return { status: response.status, headers: response.headers, body: await response.text(), cache };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await closed;
    },
  };
}

/** A promise and what settles it: for handlers that a test holds up. */
export function gate<T = void>(): { readonly passed: Promise<T>; readonly open: (value: T) => void } {
  let open: (value: T) => void = () => undefined;
  const passed = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}
