// An app whose answers hold absolute links, made as handlers make them, and requests to it as they are on the wire.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { connect } from "node:tls";
import type { Express, Request } from "express";
import { projectFile } from "../../../project-root.js";
import { exchange } from "../../../servers/raw-http.js";
import type { CacheListOptions, TenantCache, TenantCacheOptions } from "../../src/index.js";
import { openCache, type StoreName } from "./caches.js";

export interface LinkingOptions {
  readonly create: () => Express;
  readonly store?: StoreName;
  readonly cache?: Partial<TenantCacheOptions>;
  readonly list?: CacheListOptions;
  readonly prepare?: (app: Express) => void;
  /** Puts the lane in front. */
  readonly lane?: boolean;
  readonly tls?: boolean;
}

export interface LinkingAnswer {
  readonly status: number;
  /** What the cache says, without the time that the entry has left: where it is stale, that time is negative and stays. */
  readonly cache: string;
  /** The link in the body. */
  readonly link: string;
}

export interface LinkingApp {
  readonly app: Express;
  readonly cache: TenantCache;
  readonly port: number;
  runs(): number;
  /** Requests that have reached Express. */
  dispatched(): number;
  /** `lines`: the header, but for the tenant and what ends the connection. By then what was begun behind the answer is done. */
  ask(lines: readonly string[], target?: string, method?: string, version?: string): Promise<LinkingAnswer>;
  close(): Promise<void>;
}

const pem = (name: string) => readFileSync(projectFile(`backend/servers/tls/${name}.pem`));

/** With everything in it that a handler may know the authority by. */
const linkOf = (req: Request) =>
  `${req.protocol}://${req.hostname} ${req.get("host")} ${req.subdomains.join(".")}`;

export async function openLinkingApp(options: LinkingOptions): Promise<LinkingApp> {
  const { create, store = "memory", list = {}, prepare, lane = false, tls = false } = options;
  const cache = await openCache(store, options.cache);
  const app = create();
  prepare?.(app);
  let runs = 0;
  let dispatched = 0;
  app.get(["/list", /^\/deep\//], cache.cacheList("accounts", list), (req, res) => {
    runs++;
    res.set("X-Link", linkOf(req)).send(linkOf(req));
  });
  app.get("/listed", cache.cacheList("accounts", list), (req, res) => {
    res.send(linkOf(req));
  });
  const counted: RequestListener = (req, res) => {
    dispatched++;
    app(req, res);
  };
  const identity = { tenant: "tenant-1" };
  const listener = lane ? cache.lane(counted, { identify: () => identity }) : counted;
  const server = tls
    ? createTlsServer({ cert: pem("cert"), key: pem("key") }, listener)
    : createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    app,
    cache,
    port,
    runs: () => runs,
    dispatched: () => dispatched,
    async ask(lines, target = "/list", method = "GET", version = "1.1") {
      const head = [
        `${method} ${target} HTTP/${version}`,
        ...lines,
        "x-tenant: tenant-1",
        "Connection: close",
      ];
      const text = `${head.join("\r\n")}\r\n\r\n`;
      const answer = tls ? await exchangeTls(port, text) : await exchange(port, text);
      await cache.idle();
      const [, status = "0"] = /^HTTP\/1\.1 (\d+)/.exec(answer) ?? [];
      const [, said = "none"] =
        /^Cache-Status: express-tenant-cache; (.*?)(?:; ttl=\d+)?\r$/im.exec(answer) ?? [];
      const [, body = ""] = answer.split("\r\n\r\n");
      return { status: Number(status), cache: said, link: body };
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await cache.close();
    },
  };
}

async function exchangeTls(port: number, text: string): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  const chunks: Buffer[] = [];
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.write(text, "latin1");
  await once(socket, "close");
  return Buffer.concat(chunks).toString("latin1");
}
