// Layers of an Express app, as far as they can be read from outside: those of Express 4 and 5, also behind a tracer.
// Tests: test/integration/explain-handlers.test.ts, test/integration/route-template.test.ts

/** The part of a layer that both have. Of those that are a route's own, `method` is the one they are for, if any. */
export interface Layer {
  readonly handle: ((...args: unknown[]) => unknown) & { readonly stack?: readonly Layer[] };
  readonly route?: { readonly stack: readonly Layer[] } | undefined;
  readonly method?: string | undefined;
  /** Of Express 4: what the last `match` has found. */
  readonly path?: string | undefined;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  match(path: string): boolean | LayerMatch | null | undefined;
}

/** What a layer has matched. */
export interface LayerMatch {
  readonly path: string;
  readonly params?: Readonly<Record<string, unknown>> | undefined;
  /** As it was mounted; of router 2.3 (Express 5.3) and newer. */
  readonly pattern?: unknown;
}

/** The layers of an app or a router; `undefined` where it is none. */
export function layersOf(app: unknown): readonly Layer[] | undefined {
  const { _router, stack } = Object(app) as { _router?: { stack?: unknown }; stack?: unknown };
  const found = _router?.stack ?? stack ?? routerOf(app)?.stack;
  if (Array.isArray(found)) return found;
  // One of Express 4 has no router before something is mounted.
  return typeof Object(app).lazyrouter === "function" ? [] : undefined;
}

/** Express 4 throws where one asks for it. */
function routerOf(app: unknown): { stack?: unknown } | undefined {
  try {
    return (Object(app) as { router?: { stack?: unknown } }).router;
  } catch {
    return undefined;
  }
}

/** What of a path the layer takes; `undefined` where it does not match. */
export function matchOf(layer: Layer, path: string): LayerMatch | undefined {
  try {
    const match = layer.match(path);
    if (!match) return undefined;
    return typeof match === "object" ? match : { path: layer.path ?? "", params: layer.params };
  } catch {
    // A path that does not decode.
    return undefined;
  }
}

/** What the app has mounted. Tracers put a function of their own around it, and keep it as shimmer does. */
export function writtenOf({ handle }: Layer): object & { readonly length: number; readonly name: string } {
  let written: Layer["handle"] = handle;
  for (let of: unknown = written; typeof of === "function"; of = Reflect.get(of, "__original"))
    written = of as Layer["handle"];
  return written;
}
