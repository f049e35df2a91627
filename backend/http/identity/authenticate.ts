// From the Authorization header to `req.auth`, and the two middlewares that insist on it.
import type { Request, RequestHandler } from "express";
import { forbidden, HttpProblem, unauthorized } from "../problem.js";
import { type Auth, includesRole, type Role } from "./auth.js";
import type { TokenVerifier } from "./token-verifier.js";

// RFC 6750 section 2.1; the scheme is case-insensitive (RFC 9110 section 11.1).
const BEARER = /^bearer +([\w.~+/-]+=*)$/i;
const MAX_TOKEN_LENGTH = 8192;

const refusals = new WeakMap<Request, unknown>();

/**
 * Sets `req.auth` where the request has a valid token. Refuses nothing yet, so that the rate limit in between also
 * counts requests with bad tokens; {@link requireIdentity} refuses.
 */
export function identify(verify: TokenVerifier): RequestHandler {
  return async (req, _res, next) => {
    try {
      req.auth = await verify(bearerToken(req));
    } catch (refusal) {
      refusals.set(req, refusal);
    }
    next();
  };
}

/** Answers 401 to requests without a valid token. */
export const requireIdentity: RequestHandler = (req, _res, next) => {
  if (!req.auth) throw refusals.get(req) ?? unauthorized("This needs a bearer token.");
  next();
};

/** Answers 403 to roles below `role`. */
export function requireRole(role: Role): RequestHandler {
  return (req, _res, next) => {
    if (!includesRole(identityOf(req).role, role)) throw forbidden(`This needs the role ${role}.`);
    next();
  };
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
  const token = header.length <= MAX_TOKEN_LENGTH ? BEARER.exec(header)?.[1] : undefined;
  if (token === undefined)
    throw unauthorized("The Authorization header holds no bearer token.", "invalid_token");
  return token;
}
