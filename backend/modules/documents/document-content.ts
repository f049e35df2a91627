// GET and PUT /api/documents/:id/content: the bytes of a document, as they were uploaded.
// Tests: test/http/documents.test.ts
import express, { type RequestHandler, type Router } from "express";
import { withTenant } from "../../db/tenant-transaction.js";
import { requireRole } from "../../http/identity/authenticate.js";
import { tenantOf } from "../../http/identity/tenant-choice.js";
import { HttpProblem, notFound } from "../../http/problem.js";
import { route } from "../../http/route-methods.js";
import { validatedQuery } from "../../http/validation.js";
import { recordIdOf } from "../crud-routes.js";
import { noParameters } from "../list-query.js";
import { ANSWERS_HAVE_NO_LINKS, type ModuleContext } from "../module-context.js";
import { idParams } from "../record-facts.js";
import { noSuchRecord } from "../record-writer.js";
import { documentsModule } from "./documents-module.js";

/** What the cache's default bound on bodies lets it keep, too. */
const MAX_CONTENT_BYTES = 1024 * 1024;
// A media type without control characters: it becomes a header again (RFC 9110 section 8.3.1).
const MEDIA_TYPE = /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:; ?[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[\w !#$&^.+-]*"))*$/;
const MAX_MEDIA_TYPE_LENGTH = 127;
const ANY_BYTES = { mediaType: "*/*" };

interface Content {
  readonly name: string;
  readonly content_type: string | null;
  readonly content: Buffer | null;
}

const parseBytes = express.raw({ type: () => true, limit: MAX_CONTENT_BYTES });

/** Mounts upload and download; a download is cached as every other response of the module. */
export function mountDocumentContent(router: Router, { pool, cache, ttlSeconds }: ModuleContext): void {
  const { name: moduleName, singular } = documentsModule;
  const plainQuery = validatedQuery(noParameters);
  const plain = plainQuery.check;

  const download: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const id = recordIdOf(req, singular);
    const document = await withTenant(
      pool,
      tenantId,
      async (client) => {
        const sql = "SELECT name, content_type, content FROM documents WHERE tenant_id = $1 AND id = $2";
        return (await client.query<Content>(sql, [tenantId, id])).rows[0];
      },
      { readOnly: true },
    );
    if (!document) throw noSuchRecord(singular);
    if (!document.content) throw notFound("This document has no content yet.");
    // Always an attachment: what a user has uploaded must not run as a page of this origin.
    res.attachment(document.name);
    res.setHeader("Content-Type", document.content_type ?? "application/octet-stream");
    res.end(document.content);
  };

  const upload: RequestHandler = async (req, res) => {
    const tenantId = tenantOf(req);
    const id = recordIdOf(req, singular);
    const content: unknown = req.body;
    if (!Buffer.isBuffer(content) || content.length === 0) {
      throw new HttpProblem(400, { detail: "Send the document's bytes as the body." });
    }
    const updated = await withTenant(pool, tenantId, (client) =>
      client.query(
        `UPDATE documents SET content = $3, content_type = $4, content_bytes = $5, updated_at = now()
         WHERE tenant_id = $1 AND id = $2`,
        [tenantId, id, content, mediaTypeOf(req.get("content-type")), content.length],
      ),
    );
    if (updated.rowCount !== 1) throw noSuchRecord(singular);
    res.status(204).end();
  };

  route(
    router,
    "/:id/content",
    {
      get: [
        requireRole("viewer"),
        plain,
        cache.cacheList(moduleName, {
          ttlSeconds: ttlSeconds.detail,
          query: plainQuery.of,
          authority: ANSWERS_HAVE_NO_LINKS,
        }),
        download,
      ],
      put: [requireRole("member"), plain, parseBytes, cache.invalidateCache(moduleName), upload],
    },
    {
      get: {
        summary: "Download a document's content",
        description: "Of the media type that it was uploaded with.",
        params: idParams,
        isConditional: true,
        answers: { 200: ANY_BYTES },
        problems: [404],
      },
      put: {
        summary: "Upload a document's content",
        params: idParams,
        body: ANY_BYTES,
        answers: { 204: "empty" },
        problems: [400, 404, 413, 415],
      },
    },
  );
}

function mediaTypeOf(header: string | undefined): string {
  if (header === undefined) return "application/octet-stream";
  if (header.length <= MAX_MEDIA_TYPE_LENGTH && MEDIA_TYPE.test(header)) return header;
  throw new HttpProblem(415, {
    detail: 'The Content-Type is no media type such as "application/pdf".',
  });
}
