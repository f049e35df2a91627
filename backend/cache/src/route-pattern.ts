// The pattern of a route, as far as a request tells it: for causes, explanations and spans, none of which may hold ids.
// Tests: test/integration/causes.test.ts, test/integration/telemetry.test.ts
import type { IncomingMessage } from "node:http";

/** As Express has it, where it is there. */
interface Routed {
  readonly route?: { readonly path?: unknown };
  readonly baseUrl?: string;
  readonly params?: Readonly<Record<string, unknown>>;
}

/**
 * `/api/accounts/:id`: no URL, because ids in it are data. Of a mount only the path is known: what looks like an id is
 * left out of it.
 */
export function routePattern(req: IncomingMessage): string {
  const { route, baseUrl = "", params = {} } = req as IncomingMessage & Routed;
  const names = new Map(Object.entries(params).map(([name, value]) => [String(value), `:${name}`]));
  const mount = baseUrl
    .split("/")
    .map((segment) => names.get(segment) ?? (/\d/.test(segment) && !/^v\d+$/.test(segment) ? ":id" : segment))
    .join("/");
  const path = route?.path === undefined || route.path === "/" ? "" : String(route.path);
  return mount + path || "/";
}
