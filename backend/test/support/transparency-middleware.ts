// The middleware of the transparency property: what users mount around a cached route, in any order.
import compression from "compression";
import cors from "cors";
import type { RequestHandler } from "express";
import session from "express-session";
import fc from "fast-check";
import helmet from "helmet";
import morgan from "morgan";

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
  "a vary": (): RequestHandler => (_req, res, next) => {
    res.vary("Accept-Encoding");
    next();
  },
  "a request id": (): RequestHandler => (req, res, next) => {
    res.set(REQUEST_ID, req.get(REQUEST_ID));
    res.cookie("last", req.get(REQUEST_ID));
    next();
  },
} as const;
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
