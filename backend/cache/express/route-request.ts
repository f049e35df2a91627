// From a request on a cached route to the entry it names, or to the reason why it bypasses the cache.
import type { IncomingMessage } from "node:http";
import type { Request } from "express";
import { ownText } from "../bounded-map.js";
import type { EntryRef } from "../engine/entry-ref.js";
import { fenceKeysOf } from "../engine/fences.js";
import { tagsOf } from "../identifiers.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import type { KeySpace } from "../store/key-space.js";
import { Authorities } from "./authority.js";
import type { HttpContext } from "./http-context.js";
import { fieldOf, hasBody } from "./request-fields.js";
import { canonicalParams, hashParams } from "./request-key.js";

/** Why a request is not looked up; the `detail` of its `Cache-Status`. */
export type BypassReason = "no-tenant" | "range" | "body" | "authority" | "params" | "too-long" | "scope";

export type Resolved = Found | { readonly bypass: BypassReason; readonly tenant: string | undefined };

/** The entry that answers a request, and whose view that is: empty for the tenant's. */
export interface Found {
  readonly ref: EntryRef;
  readonly scope: string;
  /** What remembering it keeps alive, without what other requests share. */
  readonly characters: number;
}

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
  readonly #authorities: Authorities;
  /** Keeps the requests of different routes apart in the memory that they share. */
  readonly #name: string;

  constructor(context: HttpContext, module: string, route: ParsedRouteOptions) {
    this.#context = context;
    this.#module = module;
    this.#route = route;
    this.#vary = route.vary.map((name) => name.toLowerCase());
    this.#modules = [module, ...route.dependsOn];
    this.#authorities = new Authorities(route.authority ?? context.options.authority);
    this.#name = `${context.nameRoute()}\n`;
  }

  /** Throws what the user's own scope or tags function throws. */
  resolve(req: Request): Resolved {
    const route = this.#route;
    const tenant = this.#context.tenantOf(req);
    if (tenant === undefined) return { bypass: "no-tenant", tenant };
    // A part of an entry is never served; a body may be part of what the handler answers to.
    if (req.headers.range !== undefined) return { bypass: "range", tenant };
    if (hasBody(req)) return { bypass: "body", tenant };
    const authority = this.#authorities.of(req);
    if (authority === undefined) return { bypass: "authority", tenant };
    const scope = scopeOf(route.scope ?? this.#context.options.scope, req);
    const tags = route.tags ? tagsOf(route.tags, req) : NO_TAGS;
    const vary = this.varyOf(req);
    const isTenants = scope === "" && vary.length === 0 && tags.length === 0;
    // No part can look like another: those that are any text are written as JSON, and no other part but the last has a line break.
    const view = isTenants ? "\n\n" : `\n${JSON.stringify([scope, vary, tags])}\n`;
    const name = `${this.#name}${authority}\n${tenant}${view}${req.baseUrl}${req.url}`;
    const known = this.#context.requests.get(name);
    if (known) return known;
    const resolved = this.#describe(req, { tenant, scope, tags, vary, authority });
    if ("ref" in resolved) this.#context.requests.set(name, resolved);
    return resolved;
  }

  /** The values of the headers that the route varies by. */
  varyOf(req: IncomingMessage): readonly string[] {
    return this.#vary.length === 0 ? NO_VALUES : this.#vary.map((name) => fieldOf(req.headers, name) ?? "");
  }

  #describe(req: Request, described: Described): Resolved {
    const { tags, vary: values, authority } = described;
    const tenant = ownText(described.tenant);
    const scope = described.scope && ownText(described.scope);
    // As the path: what earlier middleware made of the URL is what the handler answers to.
    const rawQuery = queryOf(req.url);
    const { params: known, settleMs, maxStaleness } = this.#route;
    if (known && !onlyKnown(rawQuery, known)) return { bypass: "params", tenant };
    if (scope === undefined) return { bypass: "scope", tenant };
    const vary = this.#vary.map((name, index) => [name, values[index] ?? ""] as const);
    const params = canonicalParams({ authority, path: req.baseUrl + req.path, rawQuery, scope, vary });
    if (params === undefined) return { bypass: "too-long", tenant };

    const { options, engine } = this.#context;
    const module = this.#module;
    const hash = hashParams(params, options.hash);
    const entryKey = engine.keys.entry(tenant, module, hash);
    const identity = `${tenant} ${module} ${params}`;
    const tagKeys = tags.length === 0 ? NO_TAGS : tags.map((tag) => engine.keys.tagFence(tenant, tag));
    const fenceKeys = this.#fenceKeysOf(tenant);
    const ref = new RequestRef(engine.keys, hash, {
      tenant,
      module,
      entryKey,
      identity,
      fenceKeys: tagKeys.length === 0 ? fenceKeys : [...fenceKeys, ...tagKeys],
      settleMs,
      maxStaleness,
      maxEntries: options.maxEntriesPerModule,
    });
    const texts = [entryKey, identity, scope, ...tagKeys];
    return { ref, scope, characters: texts.reduce((sum, text) => sum + text.length, 0) };
  }

  #fenceKeysOf(tenant: string): readonly string[] {
    const { engine, fenceKeys } = this.#context;
    const name = `${this.#name} ${tenant}`;
    const known = fenceKeys.get(name);
    if (known) return known;
    const keys = fenceKeysOf(engine.keys, { tenant, modules: this.#modules, tags: [] });
    fenceKeys.set(name, keys);
    return keys;
  }
}

/** What the key of a request is made of, beside its URL. */
interface Described {
  readonly tenant: string;
  readonly scope: string | undefined;
  readonly tags: readonly string[];
  /** Values. */
  readonly vary: readonly string[];
  readonly authority: string;
}

const NO_TAGS: readonly string[] = [];
const NO_VALUES: readonly string[] = [];

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
