// /api/overlay/clients: clients of other CRMs, and how their copies stand.
// Tests: test/http/overlay-routes.test.ts
import type { RequestHandler, Router } from "express";
import * as z from "zod";
import { notFound } from "../../../http/problem.js";
import { route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { SYNC_STATUSES } from "../crm/client-rows.js";
import { MAX_CLIENTS, NO_SUCH_CLIENT } from "../crm/crm-cache-service.js";
import { clientData, clientRef } from "../crm/crm-client.js";
import type { Overlay } from "../overlay.js";
import { clientFacts } from "./overlay-facts.js";
import { agentQuery, calls, entrance, ownId, plainQuery, WATCH } from "./overlay-request.js";

const put = validatedBody(
  z.strictObject({
    data: clientData,
    source_version: z.string().max(200).optional(),
    source_modified_at: z.iso.datetime({ offset: true }).optional(),
  }),
);
const batch = validatedBody(z.strictObject({ clients: z.array(clientRef).min(1).max(MAX_CLIENTS) }));
const status = validatedBody(
  z.strictObject({ sync_status: z.enum(SYNC_STATUSES), sync_reason: z.string().max(200).optional() }),
);
const ofAgent = validatedQuery(agentQuery);
const plain = validatedQuery(plainQuery);

export function mountClients(router: Router, overlay: Overlay): void {
  const read: RequestHandler<{ system: string; id: string }> = async (req, res) => {
    const { system, id } = req.params;
    const client = await calls(overlay, req).getCrmClient(system, id, ofAgent.of(req).agent_id ?? ownId(req));
    if (!client) throw notFound(NO_SUCH_CLIENT);
    res.json({ data: client });
  };
  const replace: RequestHandler<{ system: string; id: string }> = async (req, res) => {
    const { system, id } = req.params;
    const { data, source_version: sourceVersion, source_modified_at: modifiedAt } = put.of(req);
    const agentId = ofAgent.of(req).agent_id ?? ownId(req);
    const client = await calls(overlay, req).setCrmClient(system, id, data, agentId, {
      sourceVersion,
      ...(modifiedAt !== undefined && { modifiedAt: new Date(modifiedAt) }),
    });
    res.json({ data: client });
  };
  const readMany: RequestHandler = async (req, res) => {
    const agentId = ofAgent.of(req).agent_id ?? ownId(req);
    res.json({ data: await calls(overlay, req).getCrmClients(batch.of(req).clients, agentId) });
  };
  const readStatus: RequestHandler<{ system: string; id: string }> = async (req, res) => {
    const { system, id } = req.params;
    const roles = [...WATCH, "agent"] as const;
    res.json({ data: await calls(overlay, req, roles).getSyncStatus(system, id) });
  };
  const replaceStatus: RequestHandler<{ system: string; id: string }> = async (req, res) => {
    const { system, id } = req.params;
    const { sync_status, sync_reason } = status.of(req);
    await calls(overlay, req).setSyncStatus(system, id, sync_status, sync_reason);
    res.status(204).end();
  };
  const work = entrance("agent");
  route(
    router,
    "/clients/batch",
    {
      post: [...work, ofAgent.check, jsonBody, batch.check, readMany],
    },
    clientFacts.batch,
  );
  route(
    router,
    "/clients/:system/:id",
    {
      get: [...work, ofAgent.check, read as RequestHandler],
      put: [...work, ofAgent.check, jsonBody, put.check, replace as RequestHandler],
    },
    clientFacts.one,
  );
  route(
    router,
    "/clients/:system/:id/sync-status",
    {
      get: [...entrance("agent", "auditor"), plain.check, readStatus as RequestHandler],
      put: [...work, plain.check, jsonBody, status.check, replaceStatus as RequestHandler],
    },
    clientFacts.status,
  );
}
