// Which tenant a request is about: the token's, or for a superadmin the one that `?tenant_id=` chooses.
// Tests: test/http/identity.test.ts
import type { Request, RequestHandler } from "express";
import * as z from "zod";
import { tells } from "../openapi/facts.js";
import { forbidden, HttpProblem } from "../problem.js";
import type { Auth } from "./auth.js";
import { identityOf } from "./authenticate.js";

const tenantIdSchema = z.guid().toLowerCase();

/**
 * The identity with the tenant that it has chosen.
 * @throws HttpProblem 400 where that is no UUID; 403 where it is not the token's tenant, unless a superadmin chooses
 */
export function withTenantChoice(auth: Auth, given: unknown): Auth {
  const tenantId = tenantIdSchema.safeParse(given);
  if (!tenantId.success) {
    const errors = [{ pointer: "#/tenant_id", message: "must be one UUID" }];
    throw new HttpProblem(400, { detail: "The query is not valid: see errors.", errors });
  }
  if (auth.role === "superadmin") return { ...auth, tenantId: tenantId.data };
  if (auth.tenantId !== tenantId.data) throw forbidden("tenant_id is not the tenant of your token.");
  return auth;
}

/** Applies `?tenant_id=` to `req.auth`, as {@link withTenantChoice} says. */
export const chooseTenant: RequestHandler = tells(
  (req, _res, next) => {
    const given = req.query.tenant_id;
    if (given !== undefined) req.auth = withTenantChoice(identityOf(req), given);
    next();
  },
  { problems: [400, 403] },
);

/** Answers 400 to a superadmin who has a token without tenant and has chosen none. */
export const requireTenant: RequestHandler = tells(
  (req, _res, next) => {
    tenantOf(req);
    next();
  },
  { problems: [400] },
);

/** The tenant that the request is about. */
export function tenantOf(req: Request): string {
  const { tenantId } = identityOf(req);
  if (tenantId !== undefined) return tenantId;
  const errors = [{ pointer: "#/tenant_id", message: "is required: your token has no tenant" }];
  throw new HttpProblem(400, { detail: "Choose a tenant with ?tenant_id=.", errors });
}
