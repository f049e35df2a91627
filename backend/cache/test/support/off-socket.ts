// Requests that come from no socket, made as the adapters for serverless platforms make them: fields of any type, and no raw ones.
import { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { PassThrough } from "node:stream";
import type { Express, Request, Response } from "express";

export interface OffSocketAnswer {
  readonly status: number;
  readonly cache: string;
  readonly body: string;
}

export interface OffSocketRequest {
  readonly url: string;
  readonly method?: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, unknown>>;
  /** Default: none, as `IncomingMessage` has them before anything is parsed. */
  readonly rawHeaders?: readonly string[] | undefined;
}

/** Hands a request to the app and resolves with what it answers. */
export function askOffSocket(app: Express, { url, method = "GET", headers, ...more }: OffSocketRequest) {
  const socket = Object.assign(new PassThrough(), { encrypted: true, remoteAddress: "192.0.2.1" });
  const req = new IncomingMessage(socket as unknown as Socket);
  Object.assign(req, { url, method, headers: { ...headers }, complete: true, ...more });
  req.push(null);
  const res = new ServerResponse(req);
  const written: Buffer[] = [];
  const sink = new PassThrough();
  sink.on("data", (chunk) => written.push(chunk));
  res.assignSocket(sink as unknown as Socket);
  return new Promise<OffSocketAnswer>((resolve, reject) => {
    res.once("finish", () => {
      setImmediate(() => {
        const [, body = ""] = Buffer.concat(written).toString("latin1").split("\r\n\r\n");
        const status = String(
          res.getHeader("Cache-Status") ??
            /^Cache-Status: (.*?)\r$/im.exec(Buffer.concat(written).toString("latin1"))?.[1],
        );
        const cache = status.replace(/^express-tenant-cache; /, "").replace(/; ttl=-?\d+$/, "");
        resolve({ status: res.statusCode, cache, body });
      });
    });
    app(req as Request, res as Response, (error?: unknown) =>
      reject(error ?? new Error("no route answered")),
    );
  });
}
