// `cache.explain` and `cache.explained`: what a request would be told, and why one of the last minutes was no hit.
// Tests: test/integration/explain.test.ts, test/integration/miss-reasons.test.ts

import type { IncomingHttpHeaders } from "node:http";
import type { Response } from "express";
import { layersOf } from "../app-layers.js";
import { TenantCacheError } from "../errors.js";
import { refuseSurplus } from "../options/arguments.js";
import {
  type ExplainRequest,
  type ParsedExplainRequest,
  parseExplainRequest,
} from "../options/explain-options.js";
import { shown } from "../shown.js";
import { urlParts } from "../url-parts.js";
import { DryRun, type DryRunEnd } from "./dry-run.js";
import { MAX_CAUSES, NOTHING } from "./explain-route.js";
import type { Explanation, RequestExplanation, RouteExplanation } from "./explanation.js";
import { goesWay, guardLayers, guardRoutesOf, wayOf } from "./express-layers.js";
import type { HttpServices } from "./http-services.js";
import { type Inject, loadInject } from "./inject.js";
import { evictedBy, explained } from "./miss-explanation.js";
import type { RecentRequest } from "./recent-requests.js";

/**
 * Says what the next such request would be told, and why: by a dry run through the app, which ends where `cacheList`
 * begins. No handler runs, and nothing is counted, filled or promoted. What stands in front of `cacheList` runs.
 *
 * @throws TenantCacheError `ETC_OPTIONS`, `ETC_TENANT_ID`, `ETC_ARGUMENTS`; `ETC_EXPLAIN_APP` where no app is known;
 *   `ETC_EXPLAIN_TENANT` where the request is another tenant's; `ETC_LIGHT_MY_REQUEST` where that is not installed
 */
export type Explain = (request: ExplainRequest) => Promise<Explanation>;

/**
 * Why the requests with this id were no hits: those of the last 15 minutes, and of the last 2,000, in this process; the
 * newest first. Requests without an id are not remembered.
 *
 * @throws TenantCacheError `ETC_ARGUMENTS`
 */
export type Explained = (requestId: string) => Promise<readonly RequestExplanation[]>;

/** As long as a request may take in front of the cache. */
const WITHIN_MS = 5000;

/** Nothing was reached. */
const NOWHERE = { ...NOTHING, cacheStatus: null, detail: null, path: null } as const;

/** @internal */
export function createExplain(http: HttpServices): Explain {
  let inject: Inject | undefined;
  return async (given, ...surplus: unknown[]) => {
    refuseSurplus("explain", surplus, 'one object: explain({ tenant: "acme", url: "/api/accounts" })');
    const request = parseExplainRequest(given);
    const app = expressOf(request.app ?? http.lastAsked?.app);
    const layers = layersOf(app);
    if (!layers) throw unknownApp(app);
    inject ??= loadInject("explanations are worked out", http.options.inject);
    const end = await dryRun(http, inject, request, app, layers);
    const { method, url } = request;
    const { kind, circuit, reason } = storeOf(http);
    const asked = { method, url, store: { kind, circuit, reason } };
    switch (end.kind) {
      case "reached":
        refuseOthers(request, end.told);
        return { status: null, ...end.told, ...asked };
      case "answered":
        return { ...NOWHERE, verdict: "answered-before", status: end.status, ...asked };
      case "not-cached":
        return { ...NOWHERE, verdict: "not-cached", path: end.route, status: null, ...asked };
      case "unanswered":
        return { ...NOWHERE, verdict: "unanswered", status: null, ...asked };
    }
  };
}

/** @internal */
export function createExplained(http: HttpServices): Explained {
  return async (requestId, ...surplus: unknown[]) => {
    refuseSurplus("explained", surplus, "a call for each request: explained(requestId)");
    if (typeof requestId !== "string")
      throw new TenantCacheError(
        "ETC_ARGUMENTS",
        `explained: the request's id is ${shown(requestId)}: write what the app's log calls it`,
      );
    return Promise.all(http.recent.of(requestId).map((request) => explainRecent(http, request)));
  };
}

async function dryRun(
  http: HttpServices,
  inject: Inject,
  { method, url, headers, body, tenant, as }: ParsedExplainRequest,
  app: unknown,
  layers: Parameters<typeof wayOf>[0],
): Promise<DryRunEnd<RouteExplanation>> {
  const [, scheme, host, path = "/"] = /^(?:(https?):\/\/([^/]*))?(\/.*)$/is.exec(url) ?? [];
  const way = wayOf(layers, method, urlParts(path).path);
  if (!way.mayBeCached) return { kind: "not-cached", route: null };
  const like = http.lastAsked;
  const isEncrypted = scheme === undefined ? (like?.isEncrypted ?? false) : scheme === "https";
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  // Where the caller names the host, what another request was forwarded for is none of this one's.
  const isNamed = host !== undefined || headers.host !== undefined;
  const usual: IncomingHttpHeaders = isNamed ? {} : (like?.headers ?? { host: "localhost" });
  const run = new DryRun<RouteExplanation>(tenant);
  const unguard = guardLayers(layers);
  const answered = inject(
    app as never,
    {
      method,
      url: path,
      headers: { ...usual, ...length, ...(host !== undefined && { host }), ...headers },
      isEncrypted,
      body,
    },
    (req, res) => {
      run.begin(req, res as Response, { withinMs: WITHIN_MS, unguard });
      goesWay(req, way);
      guardRoutesOf(req);
      as?.(req as never);
    },
  );
  // Its own end is an answer, too, and is told of later.
  answered.then(
    ({ statusCode }) => run.over({ kind: "answered", status: statusCode }),
    () => run.over({ kind: "answered", status: 500 }),
  );
  // What the route's own functions throw is what Express would answer with.
  return await run.ended.catch(() => ({ kind: "answered", status: 500 }) as const);
}

/** Nothing of another tenant is told, not even that there is one. */
function refuseOthers({ tenant }: ParsedExplainRequest, told: RouteExplanation): void {
  if (tenant === undefined || told.tenant === null || told.tenant === tenant) return;
  throw new TenantCacheError(
    "ETC_EXPLAIN_TENANT",
    "explain: the request is not this tenant's: write the tenant that its headers name, or leave tenant out",
  );
}

/** An application of Nest has Express behind its adapter. */
function expressOf(app: unknown): unknown {
  const { getHttpAdapter } = Object(app) as { getHttpAdapter?: () => { getInstance(): unknown } };
  return typeof getHttpAdapter === "function" ? getHttpAdapter.call(app).getInstance() : app;
}

function unknownApp(app: unknown): TenantCacheError {
  const what = app === undefined ? "no request has told yet which app it is" : `the app is ${shown(app)}`;
  return new TenantCacheError(
    "ETC_EXPLAIN_APP",
    `explain: ${what}: pass the Express app that serves the request: explain({ app, url: "/api/accounts" })`,
  );
}

function storeOf({ engine: { store, gate } }: HttpServices) {
  return { kind: store.kind, circuit: gate.state, reason: gate.reason };
}

async function explainRecent(http: HttpServices, request: RecentRequest): Promise<RequestExplanation> {
  const { requestId, atMs, tenant = null, module, route, fwd, detail = null, ref, evidence, seen } = request;
  const said = { requestId, atMs, tenant, module: module || null, path: route, fwd, detail };
  if (!ref || !evidence) return { ...said, miss: null };
  const { causes, inspector } = http.engine;
  const isEvicted = evidence.reason === "evicted";
  const pressure = isEvicted ? evictedBy(http, ref, await inspector.look(ref)) : null;
  const known = evidence.reason === "fenced" ? await causes.read(ref.tenant, MAX_CAUSES) : [];
  return { ...said, miss: explained(http, ref, evidence, seen, known, pressure) };
}
