// /api/overlay/templates and /api/overlay/documents: templates by version, documents made from them, and their download.
// Tests: test/http/overlay-routes.test.ts
import type { Request, RequestHandler, Router } from "express";
import * as z from "zod";
import { notFound } from "../../../http/problem.js";
import { route } from "../../../http/route-methods.js";
import { jsonBody, validatedBody, validatedQuery } from "../../../http/validation.js";
import { generationSchema, templateSchema, withoutContent } from "../documents/document-cache-service.js";
import { subjectId } from "../given.js";
import type { Overlay } from "../overlay.js";
import { documentFacts } from "./overlay-facts.js";
import {
  agentQuery,
  calls,
  entrance,
  everyQuery,
  ownId,
  pageParameters,
  plainQuery,
} from "./overlay-request.js";

const template = validatedBody(templateSchema);
const generation = validatedBody(generationSchema);
const ofAgent = validatedQuery(agentQuery);
const plain = validatedQuery(plainQuery);
const templateQuery = validatedQuery(
  z.strictObject({
    ...everyQuery,
    version: z
      .string("must be given once")
      .regex(/^[1-9]\d{0,8}$/, "must be a whole number from 1 on")
      .transform(Number)
      .optional(),
  }),
);
const list = validatedQuery(z.strictObject({ ...everyQuery, ...pageParameters, client_id: subjectId() }));

type WithId = RequestHandler<{ id: string }>;
const NO_SUCH_DOCUMENT = "There is no document with this id.";
/** A document shows what somebody has filled in: it must not run as a page of this origin, whatever a browser takes it for. */
const HARMLESS = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

export function mountDocuments(router: Router, overlay: Overlay): void {
  const work = entrance("agent");

  const readTemplates: RequestHandler = async (req, res) => {
    res.json({ data: await calls(overlay, req).getTemplates() });
  };
  const addTemplate: RequestHandler = async (req, res) => {
    const added = await calls(overlay, req).addTemplate(template.of(req));
    res
      .status(201)
      .location(`${req.baseUrl}${req.path}/${added.name}?version=${added.version}`)
      .json({ data: added });
  };
  const readTemplate: RequestHandler<{ name: string }> = async (req, res) => {
    const { version } = templateQuery.of(req as unknown as Request);
    res.json({ data: await calls(overlay, req as unknown as Request).getTemplate(req.params.name, version) });
  };
  const generate: RequestHandler = async (req, res) => {
    const agentId = ofAgent.of(req).agent_id ?? ownId(req);
    const document = await calls(overlay, req).generateDocument(generation.of(req), agentId);
    res.status(201).location(`${req.baseUrl}${req.path}/${document.id}`).json({ data: document });
  };
  const readList: RequestHandler = async (req, res) => {
    const { client_id, limit, cursor } = list.of(req);
    const page = await calls(overlay, req).getClientDocuments(client_id, { limit, cursor });
    const { items, next_cursor } = page;
    res.json({ data: items.map(withoutContent), ...(next_cursor !== undefined && { next_cursor }) });
  };
  const read: WithId = async (req, res) => {
    const document = await calls(overlay, req as Request).getDocument(req.params.id);
    if (!document) throw notFound(NO_SUCH_DOCUMENT);
    res.json({ data: withoutContent(document) });
  };
  const download: WithId = async (req, res) => {
    const file = await calls(overlay, req as Request).downloadDocument(req.params.id);
    if (!file) throw notFound(NO_SUCH_DOCUMENT);
    // RFC 6266, with names beyond ASCII as RFC 8187 writes them.
    res.attachment(file.name);
    res.setHeader("Content-Type", file.mediaType);
    res.setHeader("X-Content-Type-Options", "nosniff");
    res.setHeader("Content-Security-Policy", HARMLESS);
    res.setHeader("Content-Length", file.content.length);
    res.end(file.content);
  };
  const remove: WithId = async (req, res) => {
    await calls(overlay, req as Request).deleteDocument(req.params.id);
    res.status(204).end();
  };
  route(
    router,
    "/templates",
    {
      get: [...work, plain.check, readTemplates],
      post: [...entrance("supervisor"), plain.check, jsonBody, template.check, addTemplate],
    },
    documentFacts.templates,
  );
  route(
    router,
    "/templates/:name",
    {
      get: [...work, templateQuery.check, readTemplate as unknown as RequestHandler],
    },
    documentFacts.template,
  );
  route(
    router,
    "/documents",
    {
      get: [...work, list.check, readList],
      post: [...work, ofAgent.check, jsonBody, generation.check, generate],
    },
    documentFacts.all,
  );
  route(
    router,
    "/documents/:id",
    {
      get: [...work, plain.check, read as RequestHandler],
      delete: [...work, plain.check, remove as RequestHandler],
    },
    documentFacts.one,
  );
  route(
    router,
    "/documents/:id/content",
    { get: [...work, plain.check, download as RequestHandler] },
    documentFacts.content,
  );
}
