// The cache's lane in front of the app (docs/use/lane.md): who asks, and what the app does before its routes, for hits that it does not see.
import type { RequestListener, ServerResponse } from "node:http";
import type { Express, Request, RequestHandler, Response } from "express";
import type { LaneIdentity, LaneMiddleware, LaneOptions, TenantCache } from "express-tenant-cache";
import { noteArrival, noteSubject } from "./access-log.js";
import type { Edge } from "./edge.js";
import type { Auth } from "./identity/auth.js";
import type { Authenticator } from "./identity/authenticator.js";
import { sessionTag } from "./identity/session-tag.js";

export interface LaneDependencies {
  readonly cache: Pick<TenantCache, "lane">;
  /** The app's own: what the lane counts and logs goes where the app's does. */
  readonly edge: Edge;
  readonly authenticator: Pick<Authenticator, "recallHeader" | "asksForRevocations">;
  /** Whether every process that may revoke a token uses the same cache. */
  readonly isCacheShared: boolean;
}

/**
 * How long a revoked token may still be answered where its tag's fence could not be replaced: the process that revoked it died
 * between the list and the fence, or it alone cannot reach the cache.
 */
const RELEARN_SECONDS = 10;

export function laneInFront(app: Express, deps: LaneDependencies): RequestListener {
  const { cache, edge, authenticator } = deps;
  const limit = limitOnce(edge.rateLimiter, authenticator);
  const lane = cache.lane(app, {
    identify: identifier(deps),
    // Counted first, and told in the app's place: a request above the limit reaches the app without a header or a log line.
    use: [limit.count, ...edge.everyResponse, limit.tell],
    relearnSeconds: RELEARN_SECONDS,
  });
  return (req, res) => {
    noteArrival(req);
    lane(req, res);
  };
}

function identifier({ authenticator, isCacheShared }: LaneDependencies): LaneOptions["identify"] {
  const identities = new WeakMap<Auth, LaneIdentity>();
  // Without a shared cache, a process hears neither of another's logout nor of a tenant's suspension: tokens go to the app, which asks.
  const hearsOfRevocations = isCacheShared || !authenticator.asksForRevocations;
  return (req) => {
    const auth = authenticator.recallHeader(req.headers.authorization);
    // Superadmins choose their tenant in the query, which only the app reads.
    if (!auth || auth.tenantId === undefined || auth.role === "superadmin") return undefined;
    // What the app refuses to this token it may have let through for another of the same user.
    if (auth.mustChangePassword) return undefined;
    if (!hearsOfRevocations) return undefined;
    let identity = identities.get(auth);
    if (!identity) {
      identity = identityOf(auth, auth.tenantId);
      identities.set(auth, identity);
    }
    return identity;
  };
}

function identityOf(auth: Auth, tenant: string): LaneIdentity {
  const tag = sessionTag(auth);
  return {
    tenant,
    // The guards look at the role. The subject costs nothing beside the session, and a guard that looks at users needs no change here.
    principal: `${auth.role} ${auth.subject}`,
    tags: tag === undefined ? [] : [tag],
  };
}

/** What the lane answers are hits of modules' routes, whose paths begin with their names. */
function subjectOf({ tenantId }: Auth, url = "") {
  const module = /^(?:https?:\/\/[^/]*)?\/api\/([a-z]+)/i.exec(url)?.[1];
  return { ...(tenantId !== undefined && { tenant: tenantId }), ...(module !== undefined && { module }) };
}

/**
 * The app's rate limiter, for raw requests. It reads `req.auth` and writes headers the Express way, so it gets stand-ins: `req.auth` on
 * the request itself would still be there, unverified, where the request goes on to the app.
 *
 * What it refuses goes to the app, which refuses it again, as a problem document.
 */
function limitOnce(
  limiter: RequestHandler,
  authenticator: LaneDependencies["authenticator"],
): { readonly count: LaneMiddleware; readonly tell: LaneMiddleware } {
  const counted = new WeakMap<ServerResponse, readonly (readonly [name: string, value: string])[]>();
  return {
    count: (req, res, next) => {
      const auth = authenticator.recallHeader(req.headers.authorization);
      if (!auth) return next(new Error("the token has expired since the lookup"));
      noteSubject(req, subjectOf(auth, req.url));
      const headers: [string, string][] = [];
      const add = (name: string, value: string) => headers.push([name, value]);
      const response = { headersSent: false, append: add, setHeader: add };
      limiter({ auth } as Request, response as unknown as Response, (error) => {
        counted.set(res, headers);
        next(error);
      });
    },
    tell: (_req, res, next) => {
      for (const [name, value] of counted.get(res) ?? []) res.setHeader(name, value);
      next();
    },
  };
}
