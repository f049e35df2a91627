// What a cached route would do with a request, without doing it: the steps of `cached-route.ts`, each with its reason.
// Tests: test/integration/explain.test.ts
import type { Request } from "express";
import { type BypassReason, type CacheStatus, formatCacheStatus, hitStatus } from "../cache-status.js";
import type { Entry } from "../codec/entry.js";
import type { Cause } from "../engine/cause-text.js";
import { causeOf, isMade } from "../engine/causes.js";
import type { Look, SeenFence } from "../engine/inspector.js";
import type { ParsedRouteOptions } from "../options/route-options.js";
import { changedAtMs, isPending, newFence } from "../store/fence-token.js";
import type { Explaining } from "./dry-run.js";
import type {
  ExplainedEntry,
  ExplainedFence,
  ExplainedRoute,
  RouteExplanation,
  Verdict,
} from "./explanation.js";
import { isWithin } from "./handler-runs.js";
import type { HttpServices } from "./http-services.js";
import { explainMiss, nameOfFence } from "./miss-explanation.js";
import { routeOf } from "./origins.js";
import { accepts, type RequestDirectives, requestDirectives } from "./request-directives.js";
import type { RouteRef } from "./resolved-request.js";
import type { RouteReplica } from "./route-replica.js";
import type { RouteRequests } from "./route-request.js";

/** What is to be known of a route. */
export interface RouteView {
  readonly module: string;
  readonly options: ParsedRouteOptions;
  readonly requests: RouteRequests;
  readonly replica: RouteReplica | undefined;
  readonly isEnabled: boolean;
}

/** Explains itself, where it is known without a route that its requests bypass the cache. */
export function bypassing(detail: BypassReason): Explaining<RouteExplanation> {
  return {
    explain: async (req) => ({
      ...NOTHING,
      path: routeOf(req),
      ...told("bypass", { fwd: "bypass", detail }),
    }),
  };
}

/** What is told of where nothing is. */
export const NOTHING = {
  route: null,
  tenant: null,
  scope: null,
  tags: [],
  key: null,
  fences: [],
  entry: null,
  miss: null,
} as const;

/** As many as are kept by default. */
export const MAX_CAUSES = 1000;

/** Throws what the user's own functions throw: Express would answer with that. */
export async function explainRoute(
  http: HttpServices,
  view: RouteView,
  req: Request,
): Promise<RouteExplanation> {
  const { options } = view;
  const nothing = { ...NOTHING, path: routeOf(req), route: routeExplained(http, view) };
  const bypass = (detail: BypassReason, more: Partial<RouteExplanation> = {}): RouteExplanation => ({
    ...nothing,
    ...more,
    ...told("bypass", { fwd: "bypass", detail }),
  });
  if (!view.isEnabled) return bypass("disabled");
  const resolved = view.requests.resolve(req);
  if ("bypass" in resolved) return bypass(resolved.bypass, { tenant: resolved.tenant ?? null });
  // What a dry run names says nothing of requests that have been here.
  const { ref } = resolved;
  const asked = options.obeyRequest ? requestDirectives(req.headers, Date.now()) : undefined;
  const look = await http.engine.inspector.look(ref);
  const causes = await http.engine.causes.read(ref.tenant, MAX_CAUSES);
  const known = {
    tenant: ref.tenant,
    scope: resolved.scope === "" ? null : resolved.scope,
    tags: tagsOf(http, ref, look),
    key: ref.entryKey,
    fences: look.fences.map((fence) => fenceExplained(http, ref, fence, causes)),
    entry: look.entry && look.tier ? entryExplained(look, look.entry, look.tier) : null,
  };
  if (asked?.noStore) return bypass("request", known);
  if (look.kind === "away") return bypass("store-unavailable", known);
  if (look.kind === "pending") return bypass("write-pending", known);
  const decided = await decide(http, view, req, ref, look, asked);
  if (decided.verdict !== "miss" && decided.verdict !== "collapsed")
    return { ...nothing, ...known, ...decided };
  const isRefused = look.kind === "hit";
  const miss = isRefused ? ({ reason: "refused" } as const) : await explainMiss(http, ref, look, causes);
  return { ...nothing, ...known, ...decided, miss };
}

type Told = Pick<RouteExplanation, "verdict" | "cacheStatus" | "detail">;

function told(verdict: Verdict, status: CacheStatus): Told {
  const [, ...said] = formatCacheStatus(status).split("; ");
  return { verdict, cacheStatus: said.join("; "), detail: "detail" in status ? status.detail : null };
}

/** In the order in which a request is judged. */
async function decide(
  http: HttpServices,
  { options, replica }: RouteView,
  req: Request,
  ref: RouteRef,
  look: Look,
  asked: RequestDirectives | undefined,
): Promise<Told> {
  const nowMs = Date.now();
  const { entry, kind } = look;
  if (kind === "hit" && entry && (!asked || accepts(asked, entry, nowMs)))
    return told("hit", hitStatus(entry, nowMs));
  if (asked?.onlyIfCached) return told("only-if-cached", { fwd: "request", detail: "only-if-cached" });
  const mayRefresh = !asked?.notBeforeMs && (req.method === "GET" || req.method === "HEAD");
  if (kind === "stale" && entry && mayRefresh && nowMs < entry.staleAt + 1000 * options.staleWhileRevalidate)
    return told("stale", hitStatus(entry, nowMs));
  const fwd = kind === "hit" ? "request" : kind === "stale" ? "stale" : "miss";
  const { memory } = http.engine;
  const before = memory.toldOf(ref);
  if (before === "stale-if-error" && kind === "stale" && entry && isWithin(entry, options.staleIfError))
    return told("miss", { fwd, detail: before });
  if (req.method === "HEAD") return told("miss", { fwd, detail: "head" });
  if (kind !== "hit" && !asked?.notBeforeMs && http.engine.isFilling(ref, look.seen))
    return told("collapsed", { fwd, collapsed: true });
  if (look.unstorable) return told("miss", { fwd, detail: look.unstorable });
  // A fence that is missing is made when the fill begins, and is as young as can be.
  const changedMs = changedAtMs(look.fences.map(({ fence }) => fence ?? `.${nowMs}`));
  if (options.settleMs > 0 && !(nowMs - changedMs >= options.settleMs))
    return told("miss", { fwd, detail: "settling" });
  const begun = look.begun ?? look.fences.map(({ fence }) => fence);
  const fences = begun.map((fence) => fence ?? newFence(nowMs));
  if (replica && !(await replica.hasReplayed(req, ref, fences)))
    return told("miss", { fwd, detail: "replica-lag" });
  if (before === "streamed") return told("miss", { fwd, detail: before });
  const record = memory.of(ref);
  if (record && "why" in record) return told("miss", { fwd, detail: record.why });
  return told("miss", { fwd, stored: true });
}

function routeExplained(http: HttpServices, view: RouteView): ExplainedRoute {
  const { module, options } = view;
  return {
    module,
    policy: options.policy ?? null,
    ttlSeconds: typeof options.ttlSeconds === "number" ? options.ttlSeconds : null,
    staleWhileRevalidateSeconds: options.staleWhileRevalidate,
    staleIfErrorSeconds: options.staleIfError,
    dependsOn: options.dependsOn,
    reads: view.requests.lastReads,
    vary: options.vary,
    scope: (options.scope ?? http.options.scope) === "tenant" ? "tenant" : "function",
  };
}

function tagsOf({ engine: { keys } }: HttpServices, { tenant }: RouteRef, { fences }: Look): string[] {
  return fences.flatMap(({ key }) => {
    const part = keys.partOfFence(tenant, key);
    return part?.of === "tag" ? [part.name] : [];
  });
}

function fenceExplained(
  { engine: { keys } }: HttpServices,
  { tenant }: RouteRef,
  { key, fence, carried }: SeenFence,
  causes: readonly Cause[],
): ExplainedFence {
  const part = keys.partOfFence(tenant, key);
  const state = fence === null ? "missing" : isPending(fence) ? "pending" : "set";
  const atMs = state === "set" ? changedAtMs([fence ?? ""]) : Number.NaN;
  return {
    fence: key === keys.feedEpoch ? "feed" : nameOfFence(part),
    key,
    state,
    ageSeconds: Number.isNaN(atMs) ? null : secondsSince(atMs),
    cutsOff: carried === undefined ? null : carried !== fence,
    cause: (part && state === "set" && causeOf(part, fence ?? "", causes)) || null,
    isMade: fence !== null && isMade(fence),
  };
}

function entryExplained(look: Look, entry: Entry, tier: "local" | "store"): ExplainedEntry {
  const nowMs = Date.now();
  return {
    tier,
    ageSeconds: secondsSince(entry.createdAt),
    ttlSeconds: Math.floor((entry.staleAt - nowMs) / 1000),
    lifeSeconds: Math.max(0, Math.floor((entry.expiresAt - nowMs) / 1000)),
    storedBytes: look.storedBytes,
    bodyBytes: entry.body.length,
    status: entry.status,
    etag: entry.etag,
    variants: entry.variants.map(({ encoding, body }) => ({ encoding, bytes: body.length })),
  };
}

function secondsSince(ms: number): number {
  return Math.max(0, Math.floor((Date.now() - ms) / 1000));
}
