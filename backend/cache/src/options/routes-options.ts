// The options of `cache.routes`: those of the routes, those of their mutations, and which module a request is about.
// Tests: test/integration/cache-routes.test.ts
import type { Request } from "express";
import * as z from "zod";
import { moduleName } from "../identifiers.js";
import {
  type InvalidateOptions,
  invalidateSchema,
  type ParsedInvalidateOptions,
  parseInvalidateArguments,
} from "./invalidate-options.js";
import { fn, moduleNames, parse, registerCall } from "./parse.js";
import type { Policies } from "./policies.js";
import { type CacheListOptions, parseRouteOptions, routeSchema } from "./route-options.js";

/**
 * Where a request goes: a path below the mount, perhaps with a method in front (`"POST /orders/:id/ship"`,
 * where `:id` is any one segment), or a word that is one of the path's segments (`"convert"`).
 */
export type RequestPattern = string;

export interface RoutesOptions
  extends CacheListOptions,
    Pick<InvalidateOptions, "onUnreachable" | "guard" | "guardMs" | "when"> {
  /**
   * The module that a request is about. Where there is none, a read bypasses the cache, and a mutation
   * invalidates all that the tenant has. Default: the first segment of the path below the mount.
   */
  readonly module?: (req: Request) => string | undefined;
  /** By module: what its reads have beside what is said for all: seconds, the name of a policy, or options. */
  readonly modules?: Readonly<Record<string, number | string | CacheListOptions>>;
  /** Reads that are not cached. Default none. */
  readonly except?: readonly RequestPattern[];
  /** Modules that mutations touch beside their own: `{ convert: ["leads", "accounts", "contacts"] }`. */
  readonly touches?: Readonly<Record<RequestPattern, readonly string[]>>;
}

/** @internal */
const pattern = z.string().regex(/^(?:(?:[A-Z]+ )?\/[^\s?#]*|[^\s/?#]+)$/, {
  error:
    'write a path below the mount, or one of its segments: "/orders/export", "POST /orders/:id/ship", "export"',
});

/** @internal */
const own = z.strictObject({
  module: fn<NonNullable<RoutesOptions["module"]>>('(req) => req.path.split("/")[1]').optional(),
  modules: z.record(z.string(), z.unknown()).default({}),
  except: z.array(pattern).default([]),
  touches: z.record(pattern, moduleNames).default({}),
});

/** @internal */
const ofMutations = invalidateSchema.pick({ onUnreachable: true, guard: true, guardMs: true, when: true });
/** @internal */
const routesSchema = z.strictObject({ ...routeSchema.shape, ...ofMutations.shape, ...own.shape });

registerCall("routes", 'app.use("/api", auth, cache.routes({ ttlSeconds: 180 }))', routesSchema);

/** @internal */
export type ParsedRoutesOptions = z.output<typeof own> & {
  /** As they were given, for each module's reads. */
  readonly reads: Readonly<Record<string, unknown>>;
  readonly mutations: ParsedInvalidateOptions;
};

/**
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TTL`, `ETC_MODULE_NAME`
 * @internal
 */
export function parseRoutesOptions(given: unknown, policies: Policies): ParsedRoutesOptions {
  const options = given ?? {};
  parse("routes", routesSchema, options);
  const chosen = (schema: z.ZodObject, isIn: boolean) =>
    Object.fromEntries(Object.entries(options).filter(([name]) => name in schema.shape === isIn));
  const { module, modules, except, touches } = parse("routes", own, chosen(own, true));
  const mutations = parseInvalidateArguments([{ ...chosen(ofMutations, true), modules: ["any"] }]);
  const reads = Object.fromEntries(
    Object.entries(chosen(own, false)).filter(([name]) => !(name in ofMutations.shape)),
  );
  // What is wrong is said when the routes are mounted, not when the first request of a module comes.
  parseRouteOptions(reads, policies);
  for (const name of Object.keys(modules)) moduleName(name, "routes: modules");
  return { module, modules, except, touches, reads, mutations };
}
