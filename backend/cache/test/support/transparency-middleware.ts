// The middleware of the transparency property: what users mount around a cached route, in any order.
import compression from "compression";
import cors from "cors";
import type { Request, RequestHandler, Response } from "express";
import session from "express-session";
import fc from "fast-check";
import helmet from "helmet";
import morgan from "morgan";
import onHeaders from "on-headers";

const REQUEST_ID = "X-Request-Id";

/** What each layer is made of; new for each app, because sessions are kept. */
const LAYERS = {
  compression: () => compression({ threshold: 0 }),
  cors: () => cors({ origin: true, credentials: true }),
  helmet: () => helmet(),
  session: () =>
    session({
      secret: "of a test",
      resave: false,
      saveUninitialized: true,
      // One cookie for each request, the same with and without the cache.
      genid: (req) => `session-of-${req.headers["x-request-id"]}`,
    }),
  morgan: () => morgan("tiny", { stream: { write: () => undefined } }),
  "a flavour": (): RequestHandler => (_req, res, next) => {
    res.set("X-Flavour", "of the request");
    next();
  },
  defaults: (): RequestHandler => (_req, res, next) => {
    res.set({ "Cache-Control": "no-store", "Content-Language": "de", "Content-Disposition": "inline" });
    next();
  },
  "a vary": (): RequestHandler => (_req, res, next) => {
    res.vary("Accept-Encoding");
    next();
  },
  "a request id": (): RequestHandler => (req, res, next) => {
    res.set(REQUEST_ID, req.get(REQUEST_ID));
    res.cookie("last", req.get(REQUEST_ID));
    next();
  },
  "a late header": late((res) => res.set("X-Late", "added")),
  "a late no-store": late((res) => res.set("Cache-Control", "no-store")),
  "a late cookie": late((res, req) => res.append("Set-Cookie", `late=${req.get(REQUEST_ID)}`)),
  "a late vary": late((res) => res.vary("X-Role")),
  "a late removal": late((res) => res.removeHeader("X-One")),
  "a late type": late((res) => res.set("Content-Type", "text/x-late")),
  "a late status": late((res) => {
    if (res.statusCode !== 200) return;
    res.statusCode = 203;
    res.statusMessage = "";
  }),
  "a wrapped writeHead": (): RequestHandler => (_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = (...args: unknown[]) => {
      // Twice where it is called twice.
      res.append("X-Wrapped", "once");
      return Reflect.apply(writeHead, res, args);
    };
    next();
  },
} as const;

/** Changes the head when it is written, as many packages do. */
function late(change: (res: Response, req: Request) => unknown): () => RequestHandler {
  return () => (req, res, next) => {
    onHeaders(res, () => void change(res, req));
    next();
  };
}

export type LayerName = keyof typeof LAYERS;

export interface Layers {
  readonly before: readonly LayerName[];
  readonly after: readonly LayerName[];
}

export function layer(name: LayerName): RequestHandler {
  return LAYERS[name]() as RequestHandler;
}

const ALL = Object.keys(LAYERS) as LayerName[];
const shuffled = (names: LayerName[], maxLength: number) => fc.shuffledSubarray(names, { maxLength });

/** Some layers in front of the cache and fewer behind it, each in any order; the same layer may be on both sides. */
export const layers: fc.Arbitrary<Layers> = fc.record({
  before: shuffled(ALL, 4),
  after: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 2, arbitrary: shuffled(ALL, 2) }),
});
