// From a request on a cached route to the entry it names, or to the reason why it bypasses the cache.
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import { LRUCache } from "lru-cache";
import type { EntryRef } from "../engine/entry-ref.js";
import { fenceKeysOf } from "../engine/fences.js";
import { tagsOf } from "../identifiers.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { KeySpace } from "../store/key-space.js";
import type { HttpContext } from "./http-context.js";
import { canonicalParams, hashParams } from "./request-key.js";

/** Why a request is not looked up; the `detail` of its `Cache-Status`. */
export type BypassReason = "no-tenant" | "range" | "body" | "params" | "too-long" | "scope";

export type Resolved =
  | { readonly ref: EntryRef; readonly scope: string }
  | { readonly bypass: BypassReason; readonly tenant: string | undefined };

/** Fence keys are the same texts for all requests of a tenant: shared, not written anew for each. */
const MAX_TENANTS = 1000;

/** What only misses need is worked out for them: refs are remembered with every request. */
class RequestRef implements EntryRef {
  readonly tenant: string;
  readonly module: string;
  readonly entryKey: string;
  readonly identity: string;
  readonly fenceKeys: readonly string[];
  readonly settleMs: number;
  readonly maxStaleness: number;
  readonly maxEntries: number;
  readonly #keys: KeySpace;
  readonly #hash: string;

  constructor(keys: KeySpace, hash: string, ref: Omit<EntryRef, "leaseKey" | "fenceTtlMs">) {
    this.#keys = keys;
    this.#hash = hash;
    this.tenant = ref.tenant;
    this.module = ref.module;
    this.entryKey = ref.entryKey;
    this.identity = ref.identity;
    this.fenceKeys = ref.fenceKeys;
    this.settleMs = ref.settleMs;
    this.maxStaleness = ref.maxStaleness;
    this.maxEntries = ref.maxEntries;
  }

  get leaseKey(): string {
    return this.#keys.lease(this.tenant, this.module, this.#hash);
  }
}

/** Resolves the requests of one route. What follows from the text of a request alone is remembered. */
export class RouteRequests {
  readonly #context: HttpContext;
  readonly #module: string;
  readonly #route: ParsedRouteOptions;
  /** Lower case. */
  readonly #vary: readonly string[];
  readonly #modules: readonly string[];
  readonly #fenceKeys = new LRUCache<string, readonly string[]>({ max: MAX_TENANTS });
  /** Keeps the requests of different routes apart in the memory that they share. */
  readonly #name: string;

  constructor(context: HttpContext, module: string, route: ParsedRouteOptions) {
    this.#context = context;
    this.#module = module;
    this.#route = route;
    this.#vary = route.vary.map((name) => name.toLowerCase());
    this.#modules = [module, ...route.dependsOn];
    this.#name = context.nameRoute();
  }

  /** Throws what the user's own scope or tags function throws. */
  resolve(req: Request): Resolved {
    const route = this.#route;
    const tenant = this.#context.tenantOf(req);
    if (tenant === undefined) return { bypass: "no-tenant", tenant };
    // A part of an entry is never served; a body may be part of what the handler answers to.
    if (req.headers.range !== undefined) return { bypass: "range", tenant };
    if (hasBody(req)) return { bypass: "body", tenant };
    const scope = this.#scopeOf(req);
    const tags = route.tags ? tagsOf(route.tags, req) : NO_TAGS;
    const vary = this.varyOf(req);
    const view = scope === "" && vary.length === 0 ? "" : JSON.stringify([scope, vary]);
    // No part can look like another: the scope, which is any text, is written as JSON, and no other part has a line break.
    const name = `${this.#name}\n${tenant}\n${tags.join()}\n${view}\n${req.baseUrl}${req.url}`;
    const known = this.#context.requests.get(name);
    if (known) return known;
    const resolved = this.#describe(req, tenant, scope, tags, vary);
    this.#context.requests.set(name, resolved);
    return resolved;
  }

  /** The values of the headers that the route varies by. */
  varyOf(req: IncomingMessage): readonly string[] {
    return this.#vary.length === 0 ? NO_VALUES : this.#vary.map((name) => headerOf(req, name));
  }

  /** The tenant's own view is written as an empty scope: a function may not return it by mistake. */
  #scopeOf(req: Request): string | undefined {
    const scope = this.#route.scope ?? this.#context.options.scope;
    if (scope === "tenant") return "";
    const value: unknown = scope(req);
    if (typeof value === "string" && value !== "") return value;
    this.#context.misuse.returned.wrongScope(this.#module, value);
    return undefined;
  }

  #describe(
    req: Request,
    tenant: string,
    scope: string | undefined,
    tags: readonly string[],
    varyValues: readonly string[],
  ): Resolved {
    // As the path: what earlier middleware made of the URL is what the handler answers to.
    const rawQuery = queryOf(req.url);
    const { params: known, settleMs, maxStaleness } = this.#route;
    if (known && !onlyKnown(rawQuery, known)) return { bypass: "params", tenant };
    if (scope === undefined) return { bypass: "scope", tenant };
    const vary = this.#vary.map((name, index) => [name, varyValues[index] ?? ""] as const);
    const params = canonicalParams({ path: req.baseUrl + req.path, rawQuery, scope, vary });
    if (params === undefined) return { bypass: "too-long", tenant };

    const { options, engine } = this.#context;
    const module = this.#module;
    const hash = hashParams(params, options.hash);
    const ref = new RequestRef(engine.keys, hash, {
      tenant,
      module,
      entryKey: engine.keys.entry(tenant, module, hash),
      identity: `${tenant} ${module} ${params}`,
      fenceKeys: this.#fenceKeysOf(tenant, tags),
      settleMs,
      maxStaleness,
      maxEntries: options.maxEntriesPerModule,
    });
    return { ref, scope };
  }

  #fenceKeysOf(tenant: string, tags: readonly string[]): readonly string[] {
    const known = this.#fenceKeys.get(tenant);
    const ofModules =
      known ?? fenceKeysOf(this.#context.engine.keys, { tenant, modules: this.#modules, tags: [] });
    if (!known) this.#fenceKeys.set(tenant, ofModules);
    if (tags.length === 0) return ofModules;
    return [...ofModules, ...tags.map((tag) => this.#context.engine.keys.tagFence(tenant, tag))];
  }
}

const NO_TAGS: readonly string[] = [];
const NO_VALUES: readonly string[] = [];

/** Also true where a length of zero is not spelled as one digit: a doubt, not an answer. */
export function hasBody(req: IncomingMessage): boolean {
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

function headerOf(req: IncomingMessage, name: string): string {
  const value = req.headers[name];
  return Array.isArray(value) ? value.join(", ") : (value ?? "");
}
