// /api/overlay/consents: what subjects have agreed to. Each change is a version, and on record in its transaction.
// Tests: test/http/audit-routes.test.ts
import { type RequestHandler, Router } from "express";
import type { Pool, PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../../db/tenant-transaction.js";
import { tenantOf } from "../../../http/identity/tenant-choice.js";
import { notFound } from "../../../http/problem.js";
import { route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { text } from "../../../modules/field-types.js";
import { tenantParameter } from "../../../modules/list-query.js";
import { type Actor, type AuditEvent, type Pseudonym, PURPOSES } from "../audit-event.js";
import type { AuditTrail } from "../audit-trail.js";
import { addConsent, type Consent, changeConsent, consentsOf, versionsOf } from "../consent/consent-store.js";
import { consentFacts } from "./audit-facts.js";
import { actorOf, entrance, idOf, plainQuery } from "./audit-request.js";

export interface ConsentRoutesOptions {
  readonly pool: Pool;
  readonly trail: AuditTrail;
  readonly pseudonym: Pseudonym;
}

const instant = z.iso.datetime({ offset: true, error: "must be a time, 2026-03-31T09:00:00Z" });
const terms = {
  purposes: z
    .array(z.enum(PURPOSES, `must be one of ${PURPOSES.join(", ")}`))
    .min(1, "must name a purpose")
    .transform((purposes) => [...new Set(purposes)]),
  valid_from: instant.transform((time) => new Date(time)).optional(),
  valid_until: instant.transform((time) => new Date(time)).optional(),
};
const inOrder = ({
  valid_from,
  valid_until,
}: {
  valid_from?: Date | undefined;
  valid_until?: Date | undefined;
}) => valid_until === undefined || valid_until > (valid_from ?? new Date());
const LATE = { path: ["valid_until"], error: "must be after valid_from, which is now where it is not given" };
const subjectId = text(256);
const newConsent = validatedBody(z.strictObject({ subject_id: subjectId, ...terms }).refine(inOrder, LATE));
const newTerms = validatedBody(z.strictObject(terms).refine(inOrder, LATE));
const bySubject = validatedQuery(z.strictObject({ ...tenantParameter, subject_id: subjectId }));
const plain = validatedQuery(plainQuery);

export function consentRouter({ pool, trail, pseudonym }: ConsentRoutesOptions): Router {
  const router = Router();
  const roleOf = ["supervisor", "agent", "auditor"] as const;

  const inTenant = <T>(tenantId: string, work: (client: PoolClient) => Promise<T>) =>
    withTenant(pool, tenantId, work);
  /** The change and its record: both, or neither. */
  const changed = async (
    tenantId: string,
    actor: Actor,
    change: (client: PoolClient) => Promise<Consent>,
  ): Promise<Consent> =>
    await inTenant(tenantId, async (client) => {
      const consent = await change(client);
      await trail.append(client, tenantId, actor, [eventOf(consent)]);
      return consent;
    });

  const add: RequestHandler = async (req, res) => {
    const { subject_id, ...given } = newConsent.of(req);
    const [tenantId, actor] = [tenantOf(req), actorOf(req, ...roleOf)];
    const subject = await pseudonym(tenantId, subject_id);
    const consent = await changed(tenantId, actor, (client) =>
      addConsent(client, tenantId, subject, given, actor.id),
    );
    res.status(201).location(`${req.baseUrl}/consents/${consent.id}`).json({ data: consent });
  };
  const change: RequestHandler = async (req, res) => {
    const [tenantId, actor, id] = [tenantOf(req), actorOf(req, ...roleOf), idOf(req)];
    const consent = await changed(tenantId, actor, (client) =>
      changeConsent(client, tenantId, id, newTerms.of(req), actor.id),
    );
    res.json({ data: consent });
  };
  const revoke: RequestHandler = async (req, res) => {
    const [tenantId, actor, id] = [tenantOf(req), actorOf(req, ...roleOf), idOf(req)];
    const consent = await changed(tenantId, actor, (client) =>
      changeConsent(client, tenantId, id, "revoke", actor.id),
    );
    res.json({ data: consent });
  };
  const list: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const subject = await pseudonym(tenantId, bySubject.of(req).subject_id);
    res.json({ data: await inTenant(tenantId, (client) => consentsOf(client, tenantId, subject)) });
  };
  const versions: RequestHandler = async (req, res) => {
    const [tenantId, id] = [tenantOf(req), idOf(req)];
    const found = await inTenant(tenantId, (client) => versionsOf(client, tenantId, id));
    if (found.length === 0) throw notFound("There is no consent with this id.");
    res.json({ data: found });
  };

  const writers = entrance("agent", "supervisor");
  const readers = entrance("agent", "supervisor", "auditor");
  route(
    router,
    "/consents",
    {
      get: [...readers, bySubject.check, list],
      post: [...writers, plain.check, jsonBody, newConsent.check, add],
    },
    consentFacts.all,
  );
  route(
    router,
    "/consents/:id",
    {
      get: [...readers, plain.check, versions],
      put: [...writers, plain.check, jsonBody, newTerms.check, change],
      delete: [...writers, plain.check, revoke],
    },
    consentFacts.one,
  );
  return router;
}

const eventOf = ({ id, version, subject, purposes, revoked_at }: Consent): AuditEvent => ({
  action: "consent",
  entityType: "consent",
  entityId: id,
  subjectPseudonym: subject,
  consent: { id, version },
  dataClass: "personal",
  detail: { purposes: purposes.join(" "), revoked: revoked_at !== null },
});
