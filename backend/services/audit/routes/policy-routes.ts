// /api/overlay/audit/policy and /api/overlay/audit/holds: how a tenant's records are made and kept. Each change is on record.
// Tests: test/http/audit-routes.test.ts
import { type Request, type RequestHandler, type Response, Router } from "express";
import type { Pool, PoolClient } from "pg";
import * as z from "zod";
import { withTenant } from "../../../db/tenant-transaction.js";
import { requireRole } from "../../../http/identity/authenticate.js";
import { tenantOf } from "../../../http/identity/tenant-choice.js";
import { route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { recordId, text } from "../../../modules/field-types.js";
import { DATA_CLASSES, type Pseudonym } from "../audit-event.js";
import type { AuditTrail } from "../audit-trail.js";
import { classPolicySchema, toldPolicy } from "../policy/class-policy.js";
import { holdsOf, type LegalHold, releaseHold, setHold } from "../retention/legal-holds.js";
import { policyFacts } from "./audit-facts.js";
import { actorOf, entrance, idOf, plainQuery } from "./audit-request.js";

export interface PolicyRoutesOptions {
  readonly pool: Pool;
  readonly trail: AuditTrail;
  readonly pseudonym: Pseudonym;
}

interface HoldRequest {
  readonly req: Request;
  readonly tenantId: string;
  readonly actorId: string;
}

const plain = validatedQuery(plainQuery);
const MAX_REASON = 200;
/** People are held by `subject_id`: an id of theirs in the clear is not kept. */
const holdBody = validatedBody(
  z
    .strictObject({
      subject_id: text(256).optional(),
      entity_type: text(64).optional(),
      entity_id: recordId().optional(),
      reason: text(MAX_REASON),
    })
    .refine(({ entity_id, entity_type }) => entity_id === undefined || entity_type !== undefined, {
      path: ["entity_type"],
      error: "is required beside entity_id",
    }),
);

export function policyRouter({ pool, trail, pseudonym }: PolicyRoutesOptions): Router {
  const router = Router();
  const { policies } = trail.recorder;

  const read: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const policy = await withTenant(pool, tenantId, (client) => policies.read(client, tenantId));
    res.json({ data: toldPolicy(policy) });
  };
  route(
    router,
    "/audit/policy",
    { get: [...entrance("auditor", "supervisor"), plain.check, read] },
    policyFacts.all,
  );
  for (const dataClass of DATA_CLASSES) {
    const body = validatedBody(classPolicySchema(dataClass));
    const write: RequestHandler = async (req, res) => {
      const [tenantId, actor, document] = [tenantOf(req), actorOf(req, "supervisor"), body.of(req)];
      const policy = await withTenant(pool, tenantId, async (client) => {
        await policies.write(client, tenantId, dataClass, document, actor.id);
        await trail.append(client, tenantId, actor, [
          {
            action: "update",
            entityType: "audit_policy",
            entityId: dataClass,
            dataClass: "business",
            detail: {
              mode: document.mode,
              retentionDays: document.retention_days,
              purposesWithoutConsent: document.purposes_without_consent.join(" "),
            },
          },
        ]);
        return await policies.read(client, tenantId);
      });
      policies.forget(tenantId);
      res.json({ data: toldPolicy(policy).find((told) => told.data_class === dataClass) });
    };
    // Who weakens the trail needs both: the CRM's administrator, with the overlay's role.
    route(
      router,
      `/audit/policy/${dataClass}`,
      {
        put: [...entrance("supervisor"), requireRole("admin"), plain.check, jsonBody, body.check, write],
      },
      policyFacts.one,
    );
  }

  const list: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    res.json({ data: await withTenant(pool, tenantId, (client) => holdsOf(client, tenantId)) });
  };
  /** With its record, in one transaction. */
  const changing =
    (action: "create" | "delete", work: (client: PoolClient, asked: HoldRequest) => Promise<LegalHold>) =>
    async (req: Request, res: Response) => {
      const [tenantId, actor] = [tenantOf(req), actorOf(req, "auditor")];
      const hold = await withTenant(pool, tenantId, async (client) => {
        const changed = await work(client, { req, tenantId, actorId: actor.id });
        await trail.append(client, tenantId, actor, [
          { action, entityType: "legal_hold", entityId: changed.id, dataClass: "business" },
        ]);
        return changed;
      });
      res.status(action === "create" ? 201 : 200).json({ data: hold });
    };
  const set = changing("create", async (client, { req, tenantId, actorId }) => {
    const { subject_id, entity_type, entity_id, reason } = holdBody.of(req);
    const subject = subject_id === undefined ? undefined : await pseudonym(tenantId, subject_id);
    const scope = { subject, entityType: entity_type, entityId: entity_id };
    return await setHold(client, tenantId, scope, reason, actorId);
  });
  const release = changing("delete", (client, { req, tenantId, actorId }) =>
    releaseHold(client, tenantId, idOf(req), actorId),
  );
  route(
    router,
    "/audit/holds",
    {
      get: [...entrance("auditor"), plain.check, list],
      post: [...entrance("auditor"), plain.check, jsonBody, holdBody.check, set],
    },
    policyFacts.holds,
  );
  route(
    router,
    "/audit/holds/:id",
    { delete: [...entrance("auditor"), plain.check, release] },
    policyFacts.hold,
  );
  return router;
}
