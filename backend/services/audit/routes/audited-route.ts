// Middleware for routes that show data about somebody: consent before, and the record before the first byte, of hits as of misses.
// Tests: test/http/audited-routes.test.ts
import type { Request, RequestHandler, Response } from "express";
import { holdAnswer } from "../../../http/held-answer.js";
import { tenantOf } from "../../../http/identity/tenant-choice.js";
import { tells } from "../../../http/openapi/facts.js";
import { HttpProblem } from "../../../http/problem.js";
import type { AuditEvent } from "../audit-event.js";
import type { AuditTrail } from "../audit-trail.js";
import { actorOf } from "./audit-request.js";
import { purposeOf } from "./purpose-of-use.js";

export type AuditedTrail = Pick<AuditTrail, "requireConsent" | "disclose" | "record"> &
  Partial<Pick<AuditTrail, "unforeseen">>;

export interface AuditedRouteOptions {
  readonly trail: AuditedTrail;
  /** What the request is about; `undefined` where nothing is recorded of it. Its purpose is the request's, unless it says one. */
  readonly event: (req: Request) => AuditEvent | undefined;
}

/**
 * Put it behind the tenant, the roles and the validation, and before `cacheList`: who is not allowed is refused before anything is
 * looked up. A list that is cached then needs a `scope` that the lane does not know ({@link AUDITED_SCOPE}), as the lane's hits come by
 * no middleware.
 */
export function auditedRoute({ trail, event: eventOf }: AuditedRouteOptions): RequestHandler {
  const audited: RequestHandler = async (req, res, next) => {
    const asked = eventOf(req);
    if (asked === undefined) return next();
    const purpose = asked.purpose ?? purposeOf(req);
    const event: AuditEvent = purpose === undefined ? asked : { ...asked, purpose };
    const [tenantId, actor] = [tenantOf(req), actorOf(req)];
    await trail.requireConsent(tenantId, actor, event);
    holdAnswer(res, {
      instance: req.originalUrl.split("?", 1)[0] ?? "/",
      problemOf: (error) => {
        if (error instanceof HttpProblem) return error;
        // No error handler sees it: the answer is on its way already.
        trail.unforeseen?.(error);
        return new HttpProblem(500, { cause: error });
      },
      beforeRelease: async () => {
        const outcome = outcomeOf(res.statusCode);
        const happened = { ...event, ...sourceOf(res), outcome };
        if (outcome === "success") await trail.disclose(tenantId, actor, happened);
        else await trail.record(tenantId, actor, [happened]);
      },
    });
    next();
  };
  return tells(audited, { problems: [400, 403, 503] });
}

/** Of cached lists behind {@link auditedRoute}: no caller of the lane has it. */
export const AUDITED_SCOPE = () => "audited";

function outcomeOf(status: number): NonNullable<AuditEvent["outcome"]> {
  if (status === 401 || status === 403) return "refused";
  return status < 400 ? "success" : "failure";
}

/** What the answer came from, where the route is cached: RFC 9211's `hit`, or what was forwarded. */
function sourceOf(res: Response): Pick<AuditEvent, "source"> {
  const status = res.getHeader("cache-status");
  if (status === undefined) return {};
  return { source: /;\s*hit\b/.test(String(status)) ? "cache" : "store" };
}
