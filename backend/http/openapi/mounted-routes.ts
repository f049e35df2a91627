// Walks an Express app, and finds each route with its whole path and all that a request meets on its way to it.
// Tests: test/unit/openapi-document.test.ts
import { type Facts, factsOf } from "./facts.js";

export interface MountedRoute {
  readonly method: string;
  /** As Express writes it: "/api/accounts/:id". */
  readonly path: string;
  /** Of the middleware in front of it, and of its own handlers. */
  readonly facts: Facts;
}

/** What is read of a layer of Express's router. */
interface Layer {
  readonly handle: { readonly stack?: readonly Layer[] };
  readonly route?: RouteLayer | undefined;
  readonly rawPath: unknown;
}

interface RouteLayer {
  readonly path: string;
  readonly stack: readonly { readonly method?: string | undefined; readonly handle: object }[];
}

/** Middleware, and where it acts. */
interface Met {
  readonly path: string;
  readonly handler: object;
}

/** @param app an Express app, or its router */
export function mountedRoutes(app: { readonly router: object }): MountedRoute[] {
  return walk(app.router as { readonly stack: readonly Layer[] }, "", []);
}

function walk(router: { readonly stack?: readonly Layer[] }, base: string, above: readonly Met[]) {
  const met: Met[] = [...above];
  const found: MountedRoute[] = [];
  for (const layer of router.stack ?? []) {
    for (const own of pathsOf(layer)) {
      const path = joined(base, own);
      const handlers = met.filter((each) => covers(each.path, path)).map(({ handler }) => handler);
      if (layer.route) found.push(...routesOf(layer.route, path, handlers));
      else if (layer.handle.stack) found.push(...walk(layer.handle, path, met));
      else met.push({ path, handler: layer.handle });
    }
  }
  return found;
}

/** The handler that answers other methods has no method of its own: it is no route. */
function routesOf({ stack }: RouteLayer, path: string, inFront: readonly object[]): MountedRoute[] {
  const methods = new Set(stack.flatMap(({ method }) => method ?? []));
  return [...methods].map((method) => {
    const own = stack.filter((layer) => layer.method === method).map(({ handle }) => handle);
    return { method, path, facts: factsOf(...inFront, ...own) };
  });
}

/** @throws Error where the path of a layer cannot be told: a regular expression has no name in a description */
function pathsOf({ rawPath, route }: Layer): readonly string[] {
  const paths = [rawPath ?? route?.path].flat();
  if (paths.every((path) => typeof path === "string")) return paths;
  throw new Error(`cannot describe what is mounted at ${String(rawPath)}: mount it at a text`);
}

const joined = (base: string, own: string) =>
  own === "/" ? base || "/" : `${base === "/" ? "" : base}${own}`;
const covers = (prefix: string, path: string) =>
  prefix === "/" || path === prefix || path.startsWith(`${prefix}/`);
