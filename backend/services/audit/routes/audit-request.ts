// What every route about the audit trail begins with: tenant, overlay role, and who asks.
// Tests: test/http/audit-routes.test.ts
import type { Request, RequestHandler } from "express";
import * as z from "zod";
import { toldAs } from "../../../http/access-log.js";
import type { OverlayRole } from "../../../http/identity/auth.js";
import { identityOf, requireOverlayRole } from "../../../http/identity/authenticate.js";
import { chooseTenant, requireTenant } from "../../../http/identity/tenant-choice.js";
import { notFound } from "../../../http/problem.js";
import { recordId } from "../../../modules/field-types.js";
import { tenantParameter } from "../../../modules/list-query.js";
import type { Actor } from "../audit-event.js";

const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader("Cache-Control", "no-store");
  next();
};

/** The order on every route is: tenant, role, validation, work. */
export function entrance(...roles: readonly OverlayRole[]): RequestHandler[] {
  return [toldAs("audit"), noStore, chooseTenant, requireTenant, requireOverlayRole(...roles)];
}

/** @param roles those that the route is for: which of the user's counts, the widest first */
export function actorOf(req: Request, ...roles: readonly OverlayRole[]): Actor {
  const { subject, role, overlayRoles = [] } = identityOf(req);
  return {
    id: subject,
    role: roles.find((each) => overlayRoles.includes(each)) ?? overlayRoles[0] ?? role,
    ...(typeof req.id === "string" && { requestId: req.id }),
  };
}

/** @throws HttpProblem 404 where the path's id is no UUID */
export function idOf(req: Request): string {
  const id = recordId().safeParse(req.params.id);
  if (!id.success) throw notFound("There is nothing with this id.");
  return id.data;
}

const MAX_PAGE = 500;

const whole = (least: number, most: number) =>
  z
    .string("must be given once")
    .regex(/^\d{1,15}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(least).max(most));

export const plainQuery = z.strictObject(tenantParameter);
/** Pages go from the newest index down; `before` is what the last answer said. */
export const pageQuery = {
  ...tenantParameter,
  limit: whole(1, MAX_PAGE).default(50),
  before: whole(0, Number.MAX_SAFE_INTEGER).optional(),
};
/** Pages go from an index up. */
export const exportQuery = {
  ...tenantParameter,
  limit: whole(1, MAX_PAGE).default(100),
  from: whole(0, Number.MAX_SAFE_INTEGER).default(0),
};
