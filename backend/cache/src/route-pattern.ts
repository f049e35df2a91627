// The pattern of a route, as far as a request tells it: for causes, explanations and spans, none of which may hold ids.
// Tests: test/integration/causes.test.ts, test/integration/route-template.test.ts
import type { IncomingMessage } from "node:http";
import { type Layer, type LayerMatch, layersOf, matchOf } from "./app-layers.js";
import { decoded } from "./url-parts.js";

/** As Express has it, where it is there. */
interface Routed {
  readonly route?: object & { readonly path?: unknown };
  readonly baseUrl?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly app?: MountedApp;
}

interface MountedApp {
  readonly mountpath?: unknown;
  readonly parent?: MountedApp;
}

/**
 * `/api/accounts/:id`: no URL, because ids in it are data. Where the mount's own pattern is not known, what looks like
 * an id is left out of its path.
 */
export function routePattern(req: IncomingMessage): string {
  const { route, baseUrl = "", params = {} } = req as IncomingMessage & Routed;
  const template = routeTemplate(req);
  if (template !== undefined) return template;
  const names = new Map(Object.entries(params).map(([name, value]) => [String(value), `:${name}`]));
  const mount = baseUrl
    .split("/")
    .map((segment) => names.get(segment) ?? withoutId(segment))
    .join("/");
  return joined(mount, route?.path === undefined ? "" : String(route.path));
}

/**
 * The pattern as the app has written it, from its mounts to its route: one text for all requests of a route.
 * `undefined` where that cannot be told, as of mounts that are regular expressions: a path is no substitute.
 */
export function routeTemplate(req: IncomingMessage): string | undefined {
  const { route, baseUrl = "", app } = req as IncomingMessage & Routed;
  if (typeof route?.path !== "string") return undefined;
  const apps = templateOfApps(app, baseUrl.split("/").slice(1));
  if (!apps) return undefined;
  for (const mounts of mountsOf(app, route)) {
    const template = templateOfMounts(mounts, apps.rest);
    if (template !== undefined) return joined(apps.template + template, route.path);
  }
  return undefined;
}

/** Mounted apps, the outermost first: they say where they are mounted, and not which part of the path that was. */
function templateOfApps(
  app: MountedApp | undefined,
  segments: readonly string[],
): { readonly template: string; readonly rest: string } | undefined {
  const paths: string[] = [];
  for (let at = app; at?.parent; at = at.parent) {
    if (typeof at.mountpath !== "string") return undefined;
    paths.unshift(at.mountpath);
  }
  const wanted = paths.flatMap((path) => path.split("/").filter(Boolean));
  const isSame = wanted.every((part, index) => {
    if (/^:\w+$/.test(part)) return segments[index] !== undefined;
    // Anything but a plain word may take more than one segment, or none.
    return /^[\w.~-]+$/.test(part) && part.toLowerCase() === segments[index]?.toLowerCase();
  });
  if (!isSame) return undefined;
  const path = (parts: readonly string[]) => parts.map((part) => `/${part}`).join("");
  return { template: path(wanted), rest: path(segments.slice(wanted.length)) };
}

const MAX_DEPTH = 16;
/** Of each route the ways to it: the layers of the routers that it is in. */
const known = new WeakMap<object, readonly (readonly Layer[])[]>();

function mountsOf(app: unknown, route: object): readonly (readonly Layer[])[] {
  const found = known.get(route);
  if (found) return found;
  const ways: (readonly Layer[])[] = [];
  const look = (layers: readonly Layer[], above: readonly Layer[]): void => {
    for (const layer of layers) {
      if (layer.route === route) ways.push(above);
      else if (layer.handle.stack && above.length < MAX_DEPTH) look(layer.handle.stack, [...above, layer]);
    }
  };
  look(layersOf(app) ?? [], []);
  known.set(route, ways);
  return ways;
}

function templateOfMounts(mounts: readonly Layer[], path: string): string | undefined {
  let [template, rest] = ["", path];
  for (const layer of mounts) {
    const match = matchOf(layer, rest || "/");
    const part = match && templateOf(layer, match);
    if (part === undefined) return undefined;
    template = joined(template, part, "");
    rest = rest.slice(match?.path.replace(/\/$/, "").length);
  }
  return rest === "" ? template : undefined;
}

function templateOf(layer: Layer, match: LayerMatch): string | undefined {
  if ("pattern" in match) return typeof match.pattern === "string" ? match.pattern : undefined;
  // Older routers keep no pattern: what their parameters have matched is given back its names.
  const params = Object.entries(match.params ?? {}).filter(([, value]) => value !== undefined);
  const names = new Map(params.map(([name, value]) => [value, `:${name}`]));
  let named = 0;
  const segments = match.path.split("/").map((segment) => {
    const name = names.get(decoded(segment));
    if (name !== undefined) named++;
    return name ?? withoutId(segment.toLowerCase());
  });
  if (named !== params.length || params.some(([name]) => /^\d/.test(name))) return undefined;
  return isOneOfFew(layer, segments.join("/"));
}

/** Of a list of paths there are a few; of a regular expression as many as whoever asks thinks of. */
const MAX_SPELLINGS = 8;
const spellings = new WeakMap<Layer, Set<string>>();

function isOneOfFew(layer: Layer, template: string): string | undefined {
  const seen = spellings.get(layer) ?? new Set();
  spellings.set(layer, seen);
  if (seen.size < MAX_SPELLINGS) seen.add(template);
  return seen.has(template) ? template : undefined;
}

function withoutId(segment: string): string {
  return /\d/.test(segment) && !/^v\d+$/.test(segment) ? ":id" : segment;
}

function joined(mount: string, path: string, nothing = "/"): string {
  return mount.replace(/\/$/, "") + (path === "/" ? "" : path) || nothing;
}
