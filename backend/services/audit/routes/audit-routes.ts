// /api/overlay/audit: what auditors see of the trail. That they have seen it is on record, too.
// Tests: test/http/audit-routes.test.ts
import { type Request, type RequestHandler, Router } from "express";
import type { Pool } from "pg";
import * as z from "zod";
import { tenantOf } from "../../../http/identity/tenant-choice.js";
import { route } from "../../../http/route-methods.js";
import { validatedQuery } from "../../../http/validation.js";
import { text } from "../../../modules/field-types.js";
import type { AuditAction, AuditLog, Pseudonym } from "../audit-event.js";
import type { AuditTrail } from "../audit-trail.js";
import { fhirBundle } from "../fhir/fhir-audit-event.js";
import type { AuditWatch } from "../status/audit-watch.js";
import { bufferLosses, checkpointStatus, erasures, recordsFrom } from "../status/trail-status.js";
import { auditFacts } from "./audit-facts.js";
import { actorOf, entrance, exportQuery, pageQuery, plainQuery } from "./audit-request.js";
import { consentRouter } from "./consent-routes.js";
import { policyRouter } from "./policy-routes.js";
import { acknowledge, recordSeen } from "./seen.js";

export interface AuditRoutesOptions {
  readonly pool: Pool;
  readonly trail: AuditTrail;
  readonly pseudonym: Pseudonym;
  readonly watch: AuditWatch;
  /** URI of this API in exported records. Default: as the request names it. */
  readonly site?: string | undefined;
}

const timelineQuery = validatedQuery(
  z.strictObject({ ...pageQuery, entity_type: text(64), entity_id: text(256) }),
);
const pageOnly = validatedQuery(z.strictObject(pageQuery));
const exported = validatedQuery(z.strictObject(exportQuery));
const plain = validatedQuery(plainQuery);
const SHOWN_LOSSES = 50;

export function auditRouter(options: AuditRoutesOptions): Router {
  const router = Router();
  const { pool, trail, watch, site } = options;
  const seen = (action: AuditAction, what: string, about?: (req: Request) => string): RequestHandler => {
    return async (req, _res, next) => {
      await recordSeen(trail, tenantOf(req), actorOf(req, "auditor"), { action, what, id: about?.(req) });
      next();
    };
  };

  const timeline: RequestHandler = async (req, res) => {
    const { entity_type, entity_id, limit, before } = timelineQuery.of(req);
    const logs = await trail.getAuditLogs(tenantOf(req), entity_type, entity_id, {
      limit,
      ...(before !== undefined && { before }),
    });
    res.json(pageOf(logs, limit));
  };
  const erased: RequestHandler = async (req, res) => {
    const page = pageOnly.of(req);
    res.json(pageOf(await erasures(pool, tenantOf(req), page), page.limit));
  };
  const integrity: RequestHandler = async (req, res) => {
    const { valid, errors, firstBadIndex, size, provenSize, at } = await watch.integrity(tenantOf(req));
    res.json({
      data: {
        valid,
        errors,
        first_bad_index: firstBadIndex ?? null,
        size,
        proven_size: provenSize,
        verified_at: at,
      },
    });
  };
  const checkpoint: RequestHandler = async (req, res) => {
    const status = await checkpointStatus(pool, tenantOf(req));
    res.json({
      data: {
        note: status.note,
        tree_size: status.treeSize,
        signed_at: status.signedAt,
        age_seconds: status.ageSeconds,
        not_covered: status.notCovered,
        waiting_seconds: status.waitingSeconds,
      },
    });
  };
  const sync: RequestHandler = async (req, res) => {
    const figures = await watch.sync(tenantOf(req));
    res.json({ data: { is_connected: figures !== undefined, ...figures } });
  };
  const alerts: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const [found, losses] = [await watch.look(tenantId), await bufferLosses(pool, tenantId, SHOWN_LOSSES)];
    res.json({
      data: found.map(({ name, message, since }) => ({ name, message, since })),
      buffer: trail.recorder.figures,
      losses: losses.map(({ at, entityId, detail }) => ({ at, process: entityId, ...detail })),
    });
  };
  const acknowledged: RequestHandler = async (req, res) => {
    const count = await acknowledge(options, tenantOf(req), actorOf(req, "auditor"));
    res.json({ data: { acknowledged: count } });
  };
  const fhir: RequestHandler = async (req, res) => {
    const { from, limit } = exported.of(req);
    const logs = await recordsFrom(pool, tenantOf(req), { from, limit });
    const last = logs.at(-1)?.index;
    const bundle = fhirBundle(logs, { site: site ?? `${req.protocol}://${req.get("host")}/api` });
    if (logs.length === limit && last !== undefined) {
      const next = new URLSearchParams({ from: String(last + 1), limit: String(limit) });
      res.setHeader("Link", `<${req.baseUrl}${req.path}?${next}>; rel="next"`);
    }
    res.type("application/fhir+json").send(JSON.stringify(bundle));
  };

  const auditor = entrance("auditor");
  const idOfEntity = (req: Request) => timelineQuery.of(req).entity_id;
  route(
    router,
    "/audit/timeline",
    {
      get: [...auditor, timelineQuery.check, seen("search", "timeline", idOfEntity), timeline],
    },
    auditFacts.timeline,
  );
  route(
    router,
    "/audit/integrity",
    { get: [...auditor, plain.check, seen("read", "integrity"), integrity] },
    auditFacts.integrity,
  );
  route(
    router,
    "/audit/checkpoint",
    {
      get: [...auditor, plain.check, seen("read", "checkpoint"), checkpoint],
    },
    auditFacts.checkpoint,
  );
  route(
    router,
    "/audit/erasures",
    { get: [...auditor, pageOnly.check, seen("search", "erasures"), erased] },
    auditFacts.erasures,
  );
  route(
    router,
    "/audit/sync",
    { get: [...auditor, plain.check, seen("read", "sync"), sync] },
    auditFacts.sync,
  );
  route(
    router,
    "/audit/alerts",
    { get: [...auditor, plain.check, seen("read", "alerts"), alerts] },
    auditFacts.alerts,
  );
  route(
    router,
    "/audit/losses/acknowledgement",
    { post: [...auditor, plain.check, acknowledged] },
    auditFacts.acknowledgement,
  );
  route(
    router,
    "/audit/fhir",
    { get: [...auditor, exported.check, seen("export", "fhir"), fhir] },
    auditFacts.fhir,
  );
  router.use(policyRouter(options), consentRouter(options));
  return router;
}

/** A page that is full has a next one. Records without a place have no index to go on from: they are the newest few. */
function pageOf(logs: readonly AuditLog[], limit: number) {
  const last = logs.at(-1)?.index;
  return { data: logs, next_before: logs.length === limit && last !== undefined ? last : null };
}
