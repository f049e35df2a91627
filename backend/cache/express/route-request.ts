// From a request on a cached route to the entry it names, or to the reason why it bypasses the cache.
import type { Request } from "express";
import type { EntryRef } from "../engine/entry-ref.js";
import { fenceKeysOf } from "../engine/fences.js";
import { type ParsedRouteOptions, tagsOf } from "../options.js";
import type { HttpContext } from "./http-context.js";
import { canonicalParams, hashParams } from "./request-key.js";

/** Why a request is not looked up; the `detail` of its `Cache-Status`. */
export type BypassReason = "no-tenant" | "range" | "body" | "params" | "too-long" | "scope";

export type Resolved =
  | { readonly ref: EntryRef }
  | { readonly bypass: BypassReason; readonly tenant: string | undefined };

export function resolveRequest(
  context: HttpContext,
  module: string,
  route: ParsedRouteOptions,
  req: Request,
): Resolved {
  const tenant = context.tenantOf(req);
  if (tenant === undefined) return { bypass: "no-tenant", tenant };
  // A part of an entry is never served; a body may be part of what the handler answers to.
  if (req.headers.range !== undefined) return { bypass: "range", tenant };
  if (hasBody(req)) return { bypass: "body", tenant };
  // As the path: what earlier middleware made of the URL is what the handler answers to.
  const rawQuery = queryOf(req.url);
  if (route.params && !onlyKnown(rawQuery, route.params)) return { bypass: "params", tenant };
  const scope = scopeOf(route.scope ?? context.options.scope, req);
  if (scope === undefined) return { bypass: "scope", tenant };
  const vary = route.vary.map((name) => [name.toLowerCase(), headerOf(req, name)] as const);
  const params = canonicalParams({ path: req.baseUrl + req.path, rawQuery, scope, vary });
  if (params === undefined) return { bypass: "too-long", tenant };

  const { keys } = context.engine;
  const hash = hashParams(params, context.options.hash);
  const modules = [module, ...route.dependsOn];
  return {
    ref: {
      tenant,
      module,
      entryKey: keys.entry(tenant, module, hash),
      leaseKey: keys.lease(tenant, module, hash),
      identity: `${tenant} ${module} ${params}`,
      fenceKeys: fenceKeysOf(keys, { tenant, modules, tags: tagsOf(route.tags, req) }),
      settleMs: route.settleMs,
      maxStaleness: route.maxStaleness,
      maxEntries: context.options.maxEntriesPerModule,
    },
  };
}

function hasBody(req: Request): boolean {
  const length = req.headers["content-length"];
  return req.headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
}

function queryOf(url: string): string {
  const start = url.indexOf("?");
  if (start === -1) return "";
  const end = url.indexOf("#", start);
  return end === -1 ? url.slice(start + 1) : url.slice(start + 1, end);
}

function onlyKnown(rawQuery: string, known: readonly string[]): boolean {
  return [...new URLSearchParams(rawQuery).keys()].every((name) => known.includes(name));
}

/** The tenant's own view is written as an empty scope: a function may not return it by mistake. */
function scopeOf(scope: ParsedRouteOptions["scope"], req: Request): string | undefined {
  if (scope === undefined || scope === "tenant") return "";
  const value: unknown = scope(req);
  return typeof value === "string" && value !== "" ? value : undefined;
}

function headerOf(req: Request, name: string): string {
  const value = req.headers[name.toLowerCase()];
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}
