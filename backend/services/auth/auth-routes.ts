// /api/auth: login, refresh, logout, and the sessions of whoever asks.
// Tests: test/http/auth.test.ts
import { type Request, type RequestHandler, Router } from "express";
import { rateLimit } from "express-rate-limit";
import * as z from "zod";
import { clientAddress } from "../../http/client-address.js";
import { identityOf, requireIdentity } from "../../http/identity/authenticate.js";
import { dataOf } from "../../http/openapi/named-schemas.js";
import { HttpProblem } from "../../http/problem.js";
import { countingStore } from "../../http/redis-rate-limit-store.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { type AuthService, tokenPair } from "./auth-service.js";
import { type AuthState, sessionEntry } from "./auth-state.js";
import { MAX_PASSWORD_LENGTH, newPassword, type PasswordService } from "./passwords.js";

export interface AuthRoutesOptions {
  readonly state: AuthState;
  /** Failed logins of one address at one tenant, in a quarter of an hour. */
  readonly maxFailures: number;
  /** The same of one address at all tenants together. */
  readonly maxFailuresPerAddress: number;
}

const FAILURES_WINDOW_MS = 15 * 60 * 1000;

const credentials = validatedBody(
  z.strictObject({
    tenant_id: z.guid("must be a UUID").toLowerCase(),
    email: z.string().trim().min(1).max(254),
    password: z.string().min(1).max(MAX_PASSWORD_LENGTH),
  }),
);
const refreshBody = validatedBody(z.strictObject({ refresh_token: z.string().min(1).max(4096) }));
const logoutBody = validatedBody(z.strictObject({ everywhere: z.boolean().default(false) }));
const changeBody = validatedBody(
  z.strictObject({
    current_password: z.string().min(1).max(MAX_PASSWORD_LENGTH),
    new_password: newPassword(),
  }),
);
const acceptBody = validatedBody(
  z.strictObject({ invitation: z.string().min(1).max(4096), password: newPassword() }),
);
const plain = validatedQuery(z.strictObject({})).check;

// Tokens are no one else's business (RFC 6749 section 5.1).
const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader("Cache-Control", "no-store");
  next();
};

export interface AuthServices {
  readonly service: AuthService;
  readonly passwords: PasswordService;
}

export function authRouter({ service, passwords }: AuthServices, options: AuthRoutesOptions): Router {
  const router = Router();
  router.use(noStore);
  route(
    router,
    "/login",
    {
      post: [
        plain,
        jsonBody,
        credentials.check,
        addressLimit(options),
        failureLimit(options, (req) => credentials.of(req).tenant_id),
        async (req, res) => {
          res.json({ data: await service.login(credentials.of(req), clientAddress(req)) });
        },
      ],
    },
    { post: { summary: "Log in", answers: { 200: dataOf(tokenPair) }, problems: [401, 429, 503] } },
  );
  route(
    router,
    "/refresh",
    {
      post: [
        plain,
        jsonBody,
        refreshBody.check,
        async (req, res) => {
          res.json({ data: await service.refresh(refreshBody.of(req).refresh_token) });
        },
      ],
    },
    {
      post: {
        summary: "Exchange a refresh token",
        answers: { 200: dataOf(tokenPair) },
        problems: [401, 503],
      },
    },
  );
  route(
    router,
    "/logout",
    {
      post: [
        requireIdentity,
        plain,
        jsonBody,
        logoutBody.check,
        async (req, res) => {
          await service.logout(identityOf(req), logoutBody.of(req).everywhere);
          res.status(204).end();
        },
      ],
    },
    { post: { summary: "Log out, here or everywhere", answers: { 204: "empty" }, problems: [503] } },
  );
  route(
    router,
    "/password",
    {
      post: [
        requireIdentity,
        plain,
        jsonBody,
        changeBody.check,
        failureLimit(options, (req) => identityOf(req).tenantId),
        async (req, res) => {
          const { current_password: current, new_password: replacement } = changeBody.of(req);
          res.json({
            data: await passwords.change(identityOf(req), current, replacement, clientAddress(req)),
          });
        },
      ],
    },
    {
      post: {
        summary: "Change the own password",
        answers: { 200: dataOf(tokenPair) },
        problems: [403, 429, 503],
      },
    },
  );
  route(
    router,
    "/invitation",
    {
      post: [
        plain,
        jsonBody,
        acceptBody.check,
        addressLimit(options),
        // Of no tenant: which one it is only a good invitation says.
        failureLimit(options, () => undefined),
        async (req, res) => {
          const { invitation, password } = acceptBody.of(req);
          res.json({ data: await passwords.accept(invitation, password, clientAddress(req)) });
        },
      ],
    },
    {
      post: {
        summary: "Accept an invitation with a password of one's own",
        answers: { 200: dataOf(tokenPair) },
        problems: [401, 429, 503],
      },
    },
  );
  route(
    router,
    "/sessions",
    {
      get: [
        requireIdentity,
        plain,
        async (req, res) => {
          res.json({ data: await service.sessionsOf(identityOf(req)) });
        },
      ],
    },
    {
      get: {
        summary: "List the own sessions",
        answers: { 200: dataOf(z.array(sessionEntry)) },
        problems: [503],
      },
    },
  );
  return router;
}

/** Where logging in is not configured: says so, instead of pretending that there is no such route. */
export function authUnavailable(): Router {
  const router = Router();
  router.use(() => {
    throw new HttpProblem(503, {
      detail:
        "Logging in is not configured: it needs REDIS_URL, and JWT_SECRET instead of JWT_JWKS_URL (see docs/operate/configuration.md).",
    });
  });
  return router;
}

/** Failed logins of an address at a tenant. */
function failureLimit(
  { state, maxFailures }: AuthRoutesOptions,
  tenantIdOf: (req: Request) => string | undefined,
): RequestHandler {
  return limitOf(state, maxFailures, (req) => state.rateLimitKey(tenantIdOf(req), clientAddress(req)));
}

/** Failed logins of an address at all tenants, whether they exist or not. */
function addressLimit({ state, maxFailuresPerAddress }: AuthRoutesOptions): RequestHandler {
  return limitOf(state, maxFailuresPerAddress, (req) => state.addressLimitKey(clientAddress(req)));
}

/** Counts failed logins only. Closed while Redis is away: nobody could log in then anyway. */
function limitOf(state: AuthState, max: number, keyOf: (req: Request) => string): RequestHandler {
  const limit = rateLimit({
    limit: max,
    windowMs: FAILURES_WINDOW_MS,
    standardHeaders: "draft-8",
    legacyHeaders: false,
    store: countingStore(state.redis, state.keyPrefix),
    keyGenerator: keyOf,
    // Each attempt counts when it begins, so that many at once cannot pass together; what did not fail is
    // taken back.
    skipSuccessfulRequests: true,
    requestWasSuccessful: (_req, res) => res.statusCode !== 401,
    handler: (_req, _res, next) => {
      next(new HttpProblem(429, { detail: "Too many failed logins from this address. Try again later." }));
    },
    validate: false,
    // Whether Redis is away is told where it is asked for tokens.
    logger: { warn: () => {}, error: () => {} },
  });
  return (req, res, next) =>
    limit(req, res, (error) =>
      next(error && !(error instanceof HttpProblem) ? state.unavailable(error) : error),
    );
}
