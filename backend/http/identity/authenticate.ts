// From the Authorization header to `req.auth`, and the two middlewares that insist on it.
// Tests: test/http/identity.test.ts
import type { Request, RequestHandler } from "express";
import { tells } from "../openapi/facts.js";
import { forbidden, HttpProblem, unauthorized } from "../problem.js";
import { type Auth, includesOverlayRole, includesRole, type OverlayRole, type Role } from "./auth.js";
import type { Authenticator } from "./authenticator.js";
import { bearerTokenIn } from "./bearer-token.js";

const refusals = new WeakMap<Request, unknown>();
/** Of requests that this process has made itself: none from outside can be among them. */
const assumed = new WeakMap<Request, Auth>();

/** Has {@link identify} take a request that is not from outside for this identity's. */
export function assume(req: Request, auth: Auth): void {
  assumed.set(req, auth);
}

/**
 * Sets `req.auth` where the request has a valid token that nobody has revoked. Refuses nothing yet, so that the rate limit
 * in between also counts requests with bad tokens; {@link requireIdentity} refuses.
 */
export function identify(authenticator: Authenticator): RequestHandler {
  const read: RequestHandler = async (req, _res, next) => {
    try {
      req.auth = assumed.get(req) ?? (await authenticator.authenticate(bearerToken(req)));
    } catch (refusal) {
      refusals.set(req, refusal);
    }
    next();
  };
  return tells(read, { token: "read" });
}

/** Answers 401 to requests without a valid token. */
export const requireIdentity: RequestHandler = tells(
  (req, _res, next) => {
    if (!req.auth) throw refusals.get(req) ?? unauthorized("This needs a bearer token.");
    next();
  },
  { token: "needed", problems: [401] },
);

/** Answers 403 to tokens of users who have to change their password first. */
export const requireOwnPassword: RequestHandler = tells(
  (req, _res, next) => {
    if (identityOf(req).mustChangePassword) {
      throw forbidden(
        "Change your password first: POST /api/auth/password (current_password, new_password).",
      );
    }
    next();
  },
  { problems: [403] },
);

/** Answers 403 to roles below `role`. */
export function requireRole(role: Role): RequestHandler {
  const check: RequestHandler = (req, _res, next) => {
    if (!includesRole(identityOf(req).role, role)) throw forbidden(`This needs the role ${role}.`);
    next();
  };
  return tells(check, { needs: [`the role ${role}`], problems: [403] });
}

/** Answers 403 to who has none of these overlay roles. */
export function requireOverlayRole(...roles: readonly OverlayRole[]): RequestHandler {
  const check: RequestHandler = (req, _res, next) => {
    const own = identityOf(req).overlayRoles ?? [];
    if (!roles.some((role) => includesOverlayRole(own, role)))
      throw forbidden(`This needs the overlay role ${roles.join(" or ")}.`);
    next();
  };
  return tells(check, { needs: [`the overlay role ${roles.join(" or ")}`], problems: [403] });
}

/** The identity, once {@link requireIdentity} has run. */
export function identityOf(req: Request): Auth {
  if (!req.auth)
    throw new HttpProblem(500, { cause: new Error("requireIdentity must come before this route") });
  return req.auth;
}

function bearerToken(req: Request): string {
  const header = req.get("authorization");
  if (header === undefined) throw unauthorized("This needs a bearer token: Authorization: Bearer <token>.");
  const token = bearerTokenIn(header);
  if (token === undefined)
    throw unauthorized("The Authorization header holds no bearer token.", "invalid_token");
  return token;
}
