// What every route of the overlay begins with: role, tenant, purpose of use, and the facade for the request.
// Tests: test/http/overlay-access.test.ts
import type { Request, RequestHandler } from "express";
import * as z from "zod";
import { toldAs } from "../../../http/access-log.js";
import type { OverlayRole } from "../../../http/identity/auth.js";
import { identityOf, requireOverlayRole } from "../../../http/identity/authenticate.js";
import { chooseTenant, requireTenant, tenantOf } from "../../../http/identity/tenant-choice.js";
import { HttpProblem } from "../../../http/problem.js";
import { tenantParameter } from "../../../modules/list-query.js";
import { purpose, purposeOf } from "../../audit/routes/purpose-of-use.js";
import type { CacheService } from "../cache-service.js";
import type { Overlay } from "../overlay.js";
import type { Caller } from "../overlay-caller.js";
import { MAX_PAGE } from "../records/record-page.js";

/** Part of every query. */
export const everyQuery = { ...tenantParameter, purpose: purpose.optional() };
export const plainQuery = z.strictObject(everyQuery);
/** Whose work it is; default: the caller's own. */
export const agentParameter = { agent_id: z.string().min(1).max(200).optional() };
export const agentQuery = z.strictObject({ ...everyQuery, ...agentParameter });
export const pageParameters = {
  limit: z
    .string("must be given once")
    .regex(/^\d{1,3}$/, "must be a whole number")
    .transform(Number)
    .pipe(z.int().min(1).max(MAX_PAGE))
    .optional(),
  cursor: z.string("must be given once").max(400).optional(),
};

const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader("Cache-Control", "no-store");
  next();
};

/** The order on every route is: tenant, role, validation, work. */
export function entrance(...roles: readonly OverlayRole[]): RequestHandler[] {
  return [toldAs("overlay"), noStore, chooseTenant, requireTenant, requireOverlayRole(...roles)];
}

/** Which role counts, of a user who has several: that which the route is for, the widest first. */
const WORK: readonly OverlayRole[] = ["supervisor", "agent"];
export const WATCH: readonly OverlayRole[] = ["auditor", "supervisor"];

export function callerOf(req: Request, roles: readonly OverlayRole[] = WORK): Caller {
  const { subject, overlayRoles = [] } = identityOf(req);
  const role = roles.find((each) => overlayRoles.includes(each));
  if (!role) throw new HttpProblem(500, { cause: new Error("requireOverlayRole must come before this") });
  const requestId = typeof req.id === "string" ? { requestId: req.id } : {};
  return { tenantId: tenantOf(req), actor: { id: subject, role, ...requestId }, purpose: purposeOf(req) };
}

/** All calls, as the bearer of the request's token. */
export const calls = (overlay: Overlay, req: Request, roles?: readonly OverlayRole[]): CacheService =>
  overlay.for(callerOf(req, roles));

export const ownId = (req: Request): string => identityOf(req).subject;
