// /api/sync: how synchronisation stands, for supervisors and auditors; conflicts and dead letters; changes of clients, which go to their CRM.
// Tests: test/http/sync-routes.test.ts
import { type Request, type RequestHandler, Router } from "express";
import * as z from "zod";
import { withTenant } from "../../db/tenant-transaction.js";
import { identityOf, requireOverlayRole } from "../../http/identity/authenticate.js";
import { chooseTenant, requireTenant, tenantOf } from "../../http/identity/tenant-choice.js";
import { conflict, HttpProblem, notFound } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../http/validation.js";
import { noParameters } from "../../modules/list-query.js";
import type { Actor } from "../audit/audit-event.js";
import { showConflict } from "./conflicts.js";
import { ChangeRefused, resolveConflict, SyncBacklogFull } from "./outbox.js";
import type { Link } from "./sync-context.js";
import { syncFacts } from "./sync-facts.js";
import { connectionOverview, failuresOf, retryDeadLetter } from "./sync-overview.js";
import type { SyncService } from "./sync-service.js";

const clientRef = {
  crm_system: z.string().regex(/^[a-z][a-z0-9_-]{0,39}$/, "must be the name of a CRM"),
  crm_id: z.string().min(1).max(200),
};
const value = z.union([z.string().max(32_768), z.number(), z.boolean(), z.null()]);
const tenantChoice = { tenant_id: z.string().optional() };
const page = z.strictObject({
  ...tenantChoice,
  limit: z.coerce.number().pipe(z.int().min(1).max(200)).default(50),
  offset: z.coerce.number().pipe(z.int().min(0).max(100_000)).default(0),
});
const changeBody = z.strictObject({
  ...clientRef,
  changes: z
    .record(z.string().max(100), value)
    .refine((changes) => Object.keys(changes).length > 0, "must name a field"),
});
const resolution = z.strictObject({ take: z.enum(["theirs", "ours"]) });
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const LETTER = /^(?:event-\d{1,18}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

export function syncRouter(sync: SyncService): Router {
  const router = Router();
  const { context } = sync;
  const seers = [requireOverlayRole("supervisor", "auditor"), chooseTenant, requireTenant];
  const supervisors = [requireOverlayRole("supervisor"), chooseTenant, requireTenant];
  const agents = [requireOverlayRole("agent"), chooseTenant, requireTenant];
  const anybody = [requireOverlayRole("agent", "auditor"), chooseTenant, requireTenant];
  const pageQuery = validatedQuery(page);
  const clientQuery = validatedQuery(z.strictObject({ ...clientRef, ...tenantChoice }));
  const resolutionBody = validatedBody(resolution);
  const changes = validatedBody(changeBody);
  const noQuery = validatedQuery(noParameters).check;

  const status: RequestHandler = async (req, res) => {
    const links = linksOf(sync, req);
    answer(res, { connections: await Promise.all(links.map((link) => connectionOverview(context, link))) });
  };
  const failures: RequestHandler = async (req, res) => {
    const { limit, offset } = pageQuery.of(req);
    const all = await Promise.all(
      linksOf(sync, req).map((link) => failuresOf(context, link, limit + offset)),
    );
    const sorted = all.flat().toSorted((one, other) => one.at.getTime() - other.at.getTime());
    answer(res, { failures: sorted.slice(offset, offset + limit) });
  };
  const retry: RequestHandler = async (req, res) => {
    const id = idOf(req, LETTER, "dead letter");
    for (const link of linksOf(sync, req))
      if (await retryDeadLetter(context, link, id, actorOf(req))) return void res.status(204).end();
    throw notFound("There is no dead letter with this id.");
  };
  const conflictShown: RequestHandler = async (req, res) => {
    const id = idOf(req, UUID, "conflict");
    for (const link of linksOf(sync, req)) {
      const found = await showConflict(context, link, id, actorOf(req));
      if (found) return answer(res, found);
    }
    throw notFound("There is no conflict with this id.");
  };
  const resolve: RequestHandler = async (req, res) => {
    const id = idOf(req, UUID, "conflict");
    const { take } = resolutionBody.of(req);
    for (const link of linksOf(sync, req)) {
      const resolved = await resolveConflict(context, link, id, take, actorOf(req));
      if (resolved === false)
        throw conflict("The client has been deleted in the CRM: only theirs can be taken.");
      if (resolved) return void res.status(204).end();
    }
    throw notFound("There is no conflict with this id.");
  };
  const clientStatus: RequestHandler = async (req, res) => {
    const { crm_system, crm_id } = clientQuery.of(req);
    const state = await sync.state(tenantOf(req), crm_system, crm_id);
    if (!state) throw notFound("This client is not synchronised.");
    const { syncStatus, reason = null, version = null, modifiedAt = null } = state;
    answer(res, { crm_system, crm_id, sync_status: syncStatus, reason, version, modified_at: modifiedAt });
  };
  const change: RequestHandler = async (req, res) => {
    const { crm_system, crm_id, changes: fields } = changes.of(req);
    const tenantId = tenantOf(req);
    try {
      const prepared = await sync.prepare(tenantId, crm_system, crm_id, fields);
      if (!prepared) throw notFound("This tenant has no connection to this CRM.");
      const id = await withTenant(context.pool, tenantId, (client) =>
        sync.enqueue(client, actorOf(req), prepared),
      );
      await sync.changed(tenantId, crm_system, crm_id);
      // RFC 9110 section 15.3.3: it is on its way.
      res.status(202);
      answer(res, { id, sync_status: "syncing" });
    } catch (error) {
      throw problemOf(error);
    }
  };

  route(router, "/status", { get: [...seers, noQuery, status] }, syncFacts.status);
  route(router, "/failures", { get: [...seers, pageQuery.check, failures] }, syncFacts.failures);
  route(router, "/failures/:id/retry", { post: [...supervisors, noQuery, retry] }, syncFacts.retry);
  route(router, "/conflicts/:id", { get: [...supervisors, noQuery, conflictShown] }, syncFacts.conflict);
  route(
    router,
    "/conflicts/:id/resolve",
    {
      post: [...supervisors, jsonBody, resolutionBody.check, resolve],
    },
    syncFacts.resolve,
  );
  route(router, "/clients", { get: [...anybody, clientQuery.check, clientStatus] }, syncFacts.client);
  route(router, "/changes", { post: [...agents, jsonBody, changes.check, change] }, syncFacts.change);
  return router;
}

function answer(res: Parameters<RequestHandler>[1], body: object): void {
  res.setHeader("Cache-Control", "no-store");
  res.json(body);
}

function linksOf(sync: SyncService, req: Request): readonly Link[] {
  const tenantId = tenantOf(req);
  return sync.links.filter(({ connection }) => connection.tenant === tenantId);
}

function actorOf(req: Request): Actor {
  const { subject, overlayRoles = [] } = identityOf(req);
  return {
    id: subject,
    role: overlayRoles[0] ?? "none",
    ...(typeof req.id === "string" && { requestId: req.id }),
  };
}

function idOf({ params }: Request, form: RegExp, what: string): string {
  const id = String(params.id);
  if (!form.test(id)) throw notFound(`There is no ${what} with this id.`);
  return id;
}

function problemOf(error: unknown): unknown {
  if (error instanceof ChangeRefused)
    return new HttpProblem(400, { detail: `${error.message}.`, cause: error });
  if (!(error instanceof SyncBacklogFull)) return error;
  return new HttpProblem(503, {
    detail: `${error.message}.`,
    headers: { "Retry-After": "60" },
    cause: error,
    isTold: true,
  });
}
