// Express's layers: where in an app a request would come to `cacheList`, and what of a dry run may be called on the way.
// Tests: test/integration/explain-handlers.test.ts
//
// Express does not say which function is a handler. So all functions are called through their layers as always, and
// while a dry run is under way a layer asks whether its function may be called for it. For all other requests it does
// what it did. Layers are those of Express 4 (`handle_request`) and 5 (`handleRequest`).
import type { Request, RequestHandler, Response } from "express";
import { type Layer, layersOf, matchOf, writtenOf } from "../app-layers.js";
import { dryRunOf } from "./dry-run.js";
import { routeOf } from "./origins.js";

type Call = (this: Layer, req: Request, res: Response, next: () => void) => unknown;

const caching = new WeakSet<object>();

/** Says of a middleware that it caches, or may: dry runs end there. */
export function cachesBehind(middleware: RequestHandler): RequestHandler {
  caching.add(middleware);
  return middleware;
}

/** What an app's own routes call. */
export function functionsOfRoutes(app: unknown): readonly RequestHandler[] {
  return layersOf(app)?.flatMap(functionsOf) ?? [];
}

/** What the first route behind so many layers of an app calls. */
export function functionsOfNextRoute(app: unknown, behind: number): readonly RequestHandler[] {
  const next = layersOf(app)
    ?.slice(behind)
    .find(({ route }) => route);
  return next ? functionsOf(next) : [];
}

function functionsOf({ route }: Layer): readonly RequestHandler[] {
  return route?.stack.map(({ handle }) => handle) ?? [];
}

/** What a request would meet in turn. */
export interface Way {
  /** Whether it may come to `cacheList`: also where a mounted app hides what is in it. */
  readonly mayBeCached: boolean;
  /** Routes in front of the last layer that caches: middleware, if they take `next`. */
  readonly inFront: ReadonlySet<object>;
}

export function wayOf(layers: readonly Layer[], method: string, path: string): Way {
  const met: { readonly layer: Layer; readonly caches: boolean }[] = [];
  let isHidden = false;
  const walk = (of: readonly Layer[], at: string): void => {
    for (const layer of of) {
      const matched = matchOf(layer, at);
      if (!matched) continue;
      if (layer.route) met.push({ layer, caches: layersFor(layer, method).some(isCaching) });
      else if (layer.handle.stack)
        walk(layer.handle.stack, `/${at.slice(matched.path.length).replace(/^\//, "")}`);
      else if (writtenOf(layer).name === "mounted_app") isHidden = true;
      else if (isCaching(layer)) met.push({ layer, caches: true });
    }
  };
  walk(layers, path);
  const last = met.findLastIndex(({ caches }) => caches);
  const inFront = met.slice(0, Math.max(last, 0)).filter(({ layer, caches }) => layer.route && !caches);
  return { mayBeCached: last !== -1 || isHidden, inFront: new Set(inFront.map(({ layer }) => layer)) };
}

function layersFor({ route }: Layer, method: string): readonly Layer[] {
  const lower = method.toLowerCase();
  const isFor = (own: string | undefined) =>
    own === undefined || own === lower || (lower === "head" && own === "get");
  return route?.stack.filter((layer) => isFor(layer.method)) ?? [];
}

function isCaching(layer: Layer): boolean {
  return caching.has(writtenOf(layer));
}

/** Whether it can go on to the next: a function that takes one or two arguments cannot. */
function mayGoOn(layer: Layer): boolean {
  const { length } = writtenOf(layer);
  return length === 0 || length >= 3;
}

/** Prototypes whose layers ask, with what their method was. */
const guarded = new Map<object, { readonly name: string; readonly call: Call; readonly guard: Call }>();
let guards = 0;

/**
 * Has layers ask before they call a function for a dry run.
 *
 * @returns ends that
 */
export function guardLayers(layers: readonly object[]): () => void {
  guards++;
  for (const layer of layers) guardPrototype(Object.getPrototypeOf(layer));
  return () => {
    if (--guards > 0) return;
    for (const [prototype, { name, call, guard }] of guarded) {
      // Somebody else (a tracer) may have put itself around it meanwhile: then it stays, and lets all pass.
      if (Reflect.get(prototype, name) === guard) Reflect.set(prototype, name, call);
    }
    guarded.clear();
  };
}

/**
 * A router of another copy of Express has layers of its own. Express tells the request of a route before it calls
 * anything of it.
 */
export function guardRoutesOf(req: object): void {
  let route: unknown;
  Object.defineProperty(req, "route", {
    configurable: true,
    enumerable: true,
    get: () => route,
    set: (entered: unknown) => {
      route = entered;
      const [layer] = layersOf(entered) ?? [];
      if (layer) guardPrototype(Object.getPrototypeOf(layer));
    },
  });
}

function guardPrototype(prototype: object): void {
  if (guarded.has(prototype)) return;
  const name = "handleRequest" in prototype ? "handleRequest" : "handle_request";
  const call = Reflect.get(prototype, name) as Call | undefined;
  if (typeof call !== "function") return;
  const guard: Call = function (this: Layer, req, res, next) {
    const run = dryRunOf(req);
    if (!run) return call.call(this, req, res, next);
    if (run.isOver) return undefined;
    if (mayRun(this, req, inFrontOf.get(req))) return call.call(this, req, res, next);
    run.over({ kind: "not-cached", route: routeOf(req) });
    return undefined;
  };
  guarded.set(prototype, { name, call, guard });
  Reflect.set(prototype, name, guard);
}

const inFrontOf = new WeakMap<object, ReadonlySet<object>>();

/** For a request that is a dry run. */
export function goesWay(req: object, { inFront }: Way): void {
  inFrontOf.set(req, inFront);
}

function mayRun(layer: Layer, req: Request, inFront: ReadonlySet<object> | undefined): boolean {
  if (layer.route) {
    const own = layersFor(layer, req.method);
    if (own.some(isCaching)) return true;
    return (inFront?.has(layer) ?? false) && own.every(mayGoOn);
  }
  // A route's own layers: whether it may be entered was decided above.
  if (Object.hasOwn(layer, "method")) return true;
  return layer.handle.stack !== undefined || isCaching(layer) || mayGoOn(layer);
}
