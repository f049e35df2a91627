// The cache's lane in front of the app: hits for whoever this process has authenticated before (docs/lane.md).
import type { RequestListener } from "node:http";
import type { Express, Request, RequestHandler, Response } from "express";
import helmet from "helmet";
import type { Logger } from "pino";
import type { LaneIdentity, LaneMiddleware, TenantCache } from "../cache/index.js";
import { accessLog } from "./access-log.js";
import type { Auth } from "./identity/auth.js";
import type { Authenticator } from "./identity/authenticator.js";
import { sessionTag } from "./identity/session-tag.js";
import { type RateLimitOptions, rateLimiter } from "./rate-limit.js";
import { requestId } from "./request-id.js";

export interface LaneDependencies {
  readonly cache: Pick<TenantCache, "lane">;
  /** The app's. */
  readonly authenticator: Authenticator;
  readonly logger: Logger;
  /** The app's, with its store: requests count once, wherever they are answered. */
  readonly rateLimit: RateLimitOptions;
}

/** Repeats what the app does before its routes, for hits that never reach it. */
export function laneInFront(app: Express, deps: LaneDependencies): RequestListener {
  const { cache, authenticator, logger, rateLimit } = deps;
  const limit = rateLimiter(rateLimit);
  const limited: RequestHandler = (req, res, next) => {
    const auth = authenticator.recallHeader(req.headers.authorization);
    if (auth) req.auth = auth;
    // What express-rate-limit uses of Express.
    res.append = (name, value) => res.appendHeader(name, value ?? "");
    limit(req, res, (error) => {
      // Refused: the app says so, with headers of its own.
      if (error) for (const name of ["RateLimit", "RateLimit-Policy"]) res.removeHeader(name);
      next(error);
    });
  };
  // The same object for the same token: the lane recognises it.
  const identities = new WeakMap<Auth, LaneIdentity>();
  return cache.lane(app, {
    identify: (req) => {
      const auth = authenticator.recallHeader(req.headers.authorization);
      if (!auth) return undefined;
      const known = identities.get(auth);
      if (known) return known;
      const identity = identityOf(auth);
      if (identity) identities.set(auth, identity);
      return identity;
    },
    // The log last: what the limit refuses is logged by the app.
    use: [requestId, limited, helmet(), accessLog(logger)].map(onRawRequests),
  });
}

/** Superadmins choose their tenant in the query, which only the app reads. */
function identityOf(auth: Auth): LaneIdentity | undefined {
  const { tenantId, role } = auth;
  if (tenantId === undefined || role === "superadmin") return undefined;
  const tag = sessionTag(auth);
  // Who may read a route depends on the tenant and the role alone.
  return { tenant: tenantId, principal: role, ...(tag !== undefined && { tags: [tag] }) };
}

/** For middleware that uses nothing of Express's own requests and responses. */
function onRawRequests(handler: RequestHandler): LaneMiddleware {
  return (req, res, next) => void handler(req as Request, res as Response, next);
}
