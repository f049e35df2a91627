// /api/overlay/subjects/:id: erasure, its report, and export (GDPR articles 15, 17 and 20).
// Tests: test/http/subjects.test.ts
import { type Request, type RequestHandler, Router } from "express";
import * as z from "zod";
import { toldAs } from "../../http/access-log.js";
import { identityOf, requireOverlayRole } from "../../http/identity/authenticate.js";
import { chooseTenant, requireTenant, tenantOf } from "../../http/identity/tenant-choice.js";
import { dataOf, named } from "../../http/openapi/named-schemas.js";
import { HttpProblem, notFound } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { text } from "../../modules/field-types.js";
import { noParameters, tenantParameter } from "../../modules/list-query.js";
import type { Actor, AuditEvent, AuditTrail } from "../audit/audit-trail.js";
import { type ErasureReport, ErasureUnfinished } from "./erase-holder.js";
import type { SubjectVault } from "./subject-vault.js";

export interface SubjectRoutesOptions {
  readonly vault: Pick<
    SubjectVault,
    "erase" | "erasureReport" | "export" | "isErased" | "unfinishedErasures"
  >;
  readonly audit: Pick<AuditTrail, "record">;
}

const reason = text(500);
const erasureBody = validatedBody(z.strictObject({ reason }));
const exportQuery = validatedQuery(z.strictObject({ ...tenantParameter, reason }));
const subjectId = text(256);
const ofSubject = { params: z.strictObject({ id: subjectId }) };
const held = z.array(
  z.strictObject({ what: z.string(), where: z.string(), count: z.int(), until: z.iso.datetime().optional() }),
);
const erasureReport = named(
  "ErasureReport",
  z.strictObject({
    id: z.guid(),
    pseudonym: z.string(),
    state: z.enum(["unfinished", "erased"]),
    reason: z.string(),
    requestedBy: z.strictObject({ id: z.string(), role: z.string() }),
    requestedAt: z.iso.datetime(),
    finishedAt: z.iso.datetime().optional(),
    held: held.optional(),
  } satisfies Record<keyof ErasureReport, z.ZodType>),
);
const subjectExport = named(
  "SubjectExport",
  z.strictObject({
    subjectId: z.string(),
    exportedAt: z.iso.datetime(),
    held,
    /** By who holds it. */
    data: z.record(z.string(), z.array(z.unknown())),
  }),
);

const noStore: RequestHandler = (_req, res, next) => {
  res.setHeader("Cache-Control", "no-store");
  next();
};

export function subjectsRouter({ vault, audit }: SubjectRoutesOptions): Router {
  const router = Router();
  const before = [toldAs("subjects"), noStore, chooseTenant, requireTenant];

  const erase: RequestHandler = async (req, res) => {
    const actor = actorOf(req, "supervisor");
    try {
      const report = await vault.erase(tenantOf(req), subjectOf(req), erasureBody.of(req).reason, actor);
      res.json({ data: report });
    } catch (error) {
      throw error instanceof ErasureUnfinished ? goesOn(error) : error;
    }
  };

  const report: RequestHandler = async (req, res) => {
    const [tenantId, id] = [tenantOf(req), subjectOf(req)];
    const found = await vault.erasureReport(tenantId, id);
    await audit.record(tenantId, actorOf(req, "auditor"), [eventOf("read", id, "business")]);
    if (!found) throw notFound("This subject has not been erased.");
    res.json({ data: found });
  };

  const exported: RequestHandler = async (req, res) => {
    const [tenantId, id] = [tenantOf(req), subjectOf(req)];
    if (await vault.isErased(tenantId, id)) throw gone();
    const data = await vault.export(tenantId, id);
    const event = eventOf("export", id, "phi");
    // Nothing leaves before it is on record.
    await audit.record(tenantId, actorOf(req, "supervisor"), [
      { ...event, purpose: "PATRQT", detail: { reason: exportQuery.of(req).reason } },
    ]);
    // An erasure may have answered since it was read.
    if (await vault.isErased(tenantId, id)) throw gone();
    res.setHeader("Content-Disposition", 'attachment; filename="subject.json"');
    res.json({ data });
  };

  route(
    router,
    "/subjects/:id/erasure",
    {
      post: [
        ...before,
        requireOverlayRole("supervisor"),
        validatedQuery(noParameters).check,
        jsonBody,
        erasureBody.check,
        erase,
      ],
      get: [
        ...before,
        requireOverlayRole("auditor", "supervisor"),
        validatedQuery(noParameters).check,
        report,
      ],
    },
    {
      get: {
        summary: "Read the report of an erasure",
        answers: { 200: dataOf(erasureReport) },
        problems: [404],
        ...ofSubject,
      },
      post: {
        summary: "Erase a person",
        answers: { 200: dataOf(erasureReport) },
        problems: [404, 503],
        ...ofSubject,
      },
    },
  );
  route(
    router,
    "/subjects/:id/export",
    {
      get: [...before, requireOverlayRole("supervisor"), exportQuery.check, exported],
    },
    {
      get: {
        summary: "Export what is held about a person",
        answers: { 200: dataOf(subjectExport) },
        problems: [404, 410, 503],
        ...ofSubject,
      },
    },
  );
  return router;
}

function subjectOf(req: Request): string {
  const id = subjectId.safeParse(req.params.id);
  if (!id.success) throw notFound("There is no such subject.");
  return id.data;
}

/** @param role which of the user's roles the route is for */
function actorOf(req: Request, role: "supervisor" | "auditor"): Actor {
  const { subject, overlayRoles = [] } = identityOf(req);
  const held = overlayRoles.includes(role) ? role : (overlayRoles[0] ?? role);
  return { id: subject, role: held, ...(typeof req.id === "string" && { requestId: req.id }) };
}

const eventOf = (action: "read" | "export", id: string, dataClass: "phi" | "business"): AuditEvent => ({
  action,
  entityType: action === "read" ? "erasure" : "subject",
  entityId: id,
  subjectId: id,
  dataClass,
});

const gone = () => new HttpProblem(410, { detail: "This subject has been erased." });

const goesOn = (cause: ErasureUnfinished) =>
  new HttpProblem(503, {
    detail:
      "The erasure has begun, and nothing about the subject is disclosed any more. The rest goes on: ask for its report.",
    headers: { "Retry-After": "5" },
    cause,
  });
