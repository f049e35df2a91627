// /ops: the console for administrators and auditors, and the login in front of it: a browser's navigation carries no bearer token.
// Tests: test/http/console.test.ts, test/http/audit-pages.test.ts
import express, { type Request, type RequestHandler, type Response, Router } from "express";
import type {
  CacheMonitor,
  CacheWarmer,
  ConsoleDecision,
  ConsoleIdentity,
  TenantCache,
} from "express-tenant-cache";
import type { Auth } from "../../http/identity/auth.js";
import { assume } from "../../http/identity/authenticate.js";
import type { Authenticator } from "../../http/identity/authenticator.js";
import type { AuthService } from "../auth/auth-service.js";
import { type AuditPageSources, type AuditPages, auditPages } from "./audit-pages/index.js";

export interface ConsoleRoutesOptions {
  readonly cache: Pick<TenantCache, "console">;
  readonly authenticator: Authenticator;
  readonly monitor: CacheMonitor;
  readonly warmer: CacheWarmer;
  /** What auditors see. Absent: nothing is recorded, and there are no such pages. */
  readonly auditors?: AuditPageSources | undefined;
  /** Ends sessions. Absent: tokens are an identity provider's, and signing out ends what this server has of one, its cookie. */
  readonly sessions?: Pick<AuthService, "logout"> | undefined;
  /** Of attempts to log in, and of what each person asks of the pages. */
  readonly rateLimiter: RequestHandler;
}

const COOKIE = "crm-ops";
/** The console replaces it by its own. */
const LOGIN_POLICY =
  "default-src 'none'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const MAX_TOKEN_CHARACTERS = 3500;
/** Never longer than the token, which is checked with each request, its revocation too. */
const COOKIE_SECONDS = 8 * 3600;
const TOKEN = /^[\w.~+/-]+=*$/;

/**
 * Admins see their own tenant, superadmins all. Pages for auditors are for whom the overlay's roles allow their content, who may have nothing
 * else of the console.
 */
export function consoleRouter({
  cache,
  authenticator,
  monitor,
  warmer,
  auditors,
  sessions,
  rateLimiter,
}: ConsoleRoutesOptions): Router {
  const router = Router();
  router.use((_req, res, next) => {
    res.setHeader("Cache-Control", "no-store");
    // With helmet's own, browsers would say that forms come from nowhere.
    res.setHeader("Referrer-Policy", "same-origin");
    // And would send forms to HTTPS, also where nothing listens there.
    res.setHeader("Content-Security-Policy", LOGIN_POLICY);
    next();
  });
  const authOf = async (token: string): Promise<Auth | undefined> => {
    if (!TOKEN.test(token) || token.length > MAX_TOKEN_CHARACTERS) return undefined;
    return authenticator.authenticate(token).catch(() => undefined);
  };
  const audits = auditPages(auditors);
  // By the cookie alone: what a page is asked with, the access log, and whose requests are counted go by it.
  const identify: RequestHandler = async (req, _res, next) => {
    const auth = await authOf(cookieOf(req) ?? "");
    if (auth) req.auth = auth;
    next();
  };
  const authorize = ({ auth }: Request): ConsoleDecision =>
    auth ? accessOf(auth, audits) : { redirect: "../login" };
  const signOut = async (req: Request, res: Response): Promise<string> => {
    // First on the server: where that cannot be done, the browser is told, and may try again.
    if (req.auth) await sessions?.logout(req.auth, false);
    res.clearCookie(COOKIE, cookieOptions(req));
    return "../login";
  };
  const explainAs = ({ auth }: Request, tenantId: string): ConsoleIdentity =>
    auth ? { as: (explained) => assume(explained, { ...auth, tenantId }) } : {};
  router.use(
    "/cache",
    identify,
    rateLimiter,
    cache.console({ authorize, monitor, warmer, explainAs, signOut, pages: audits.pages }),
  );
  // Pages, and no routes of the API: they are not in its description.
  router.use(
    "/login",
    (req, res, next) => {
      if (req.path !== "/") next("router");
      else if (req.method === "POST") next();
      else if (req.method === "GET" || req.method === "HEAD") res.send(loginPage(""));
      else res.status(405).setHeader("Allow", "GET, HEAD, POST").end();
    },
    rateLimiter,
    express.urlencoded({ extended: false, limit: "8kb" }),
    async (req: Request, res: Response) => {
      const fields: unknown = req.body;
      const given: unknown = Reflect.get(Object(fields), "token");
      const token = typeof given === "string" ? given.trim() : "";
      const auth = isOwnForm(req) ? await authOf(token) : undefined;
      if (!auth || !accessOf(auth, audits)) {
        res
          .status(401)
          .send(
            loginPage("This is no token of somebody who may see the console, or it is not valid any longer."),
          );
        return;
      }
      res.cookie(COOKIE, token, { ...cookieOptions(req), maxAge: COOKIE_SECONDS * 1000 });
      res.redirect(303, "cache/");
    },
  );
  return router;
}

const cookieOptions = (req: Request) =>
  ({ httpOnly: true, sameSite: "strict", secure: req.secure, path: "/ops" }) as const;

function accessOf(auth: Auth, audits: AuditPages): ConsoleDecision {
  const { role, tenantId, subject, mustChangePassword } = auth;
  if (mustChangePassword) return false;
  const pages = audits.seenBy(auth);
  const may = { view: true, purge: true, warm: true, pages, name: subject } as const;
  if (role === "superadmin") return { ...may, tenants: "all" };
  if (tenantId === undefined) return false;
  if (role === "admin") return { ...may, tenants: [tenantId] };
  return pages.length > 0 && { view: false, tenants: [tenantId], pages, name: subject };
}

function cookieOf(req: Request): string | undefined {
  for (const pair of (req.get("cookie") ?? "").split(";")) {
    const [name, value] = pair.trim().split("=", 2);
    if (name === COOKIE && value !== undefined) return decoded(value);
  }
  return undefined;
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return "";
  }
}

/** Nobody else logs a browser in: as the console judges its own forms. */
function isOwnForm(req: Request): boolean {
  const site = req.get("sec-fetch-site");
  if (site !== undefined) return site === "same-origin";
  const origin = req.get("origin");
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === req.host;
}

function loginPage(problem: string): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,"><title>Log in – cache</title></head>
<body><main><h1>The cache's console</h1>
${problem && `<p role="alert">${problem}</p>`}
<form method="post" action="login"><p><label>Token of an admin, superadmin, auditor or supervisor<br>
<input type="password" name="token" required autocomplete="off"></label></p><button>Log in</button></form>
</main></body></html>
`;
}
