// Documents: made from templates of the tenant, kept sealed for a week, downloaded as files.
// Tests: test/integration/overlay-documents.test.ts
import { randomUUID } from "node:crypto";
import * as z from "zod";
import { withTenant } from "../../../db/tenant-transaction.js";
import { conflict, notFound } from "../../../http/problem.js";
import type { AuditEvent } from "../../audit/audit-trail.js";
import { sensitive } from "../../subjects/sensitive-fields.js";
import { checked, jsonObject, plainId, subjectId } from "../given.js";
import { type Caller, refusal, requireAgent, seesAll, withPurpose } from "../overlay-caller.js";
import type { OverlayParts } from "../overlay-parts.js";
import type { Kept } from "../records/record-kind.js";
import { RecordService } from "../records/record-service.js";
import type { StaleKeys } from "../stale-keys.js";
import {
  checkTemplate,
  FORMAT_RULES,
  FORMATS,
  MAX_OUTPUT_BYTES,
  MAX_TEMPLATE_BYTES,
  render,
} from "./render-template.js";
import { addTemplate, findTemplate, listTemplates, MAX_TEMPLATES, type Template } from "./template-rows.js";

const templateName = () =>
  z.string().regex(/^[a-z][a-z0-9_-]{0,79}$/, 'must be a word such as "welcome-letter"');

export const templateSchema = z.strictObject({
  name: templateName(),
  format: z.enum(FORMATS),
  body: z.string().min(1).max(MAX_TEMPLATE_BYTES),
});

export const generationSchema = z.strictObject({
  template: templateName(),
  /** Default: the newest. */
  version: z.int().min(1).optional(),
  client_id: sensitive(subjectId()),
  /** Of the file, without its extension; default: the template's name. */
  name: z
    .string()
    .trim()
    .min(1)
    .max(150)
    .regex(/^[^\p{Cc}\p{Cs}/\\]*$/u, "must not contain slashes or control characters")
    .optional(),
  /** What the template's names stand for. */
  data: sensitive(jsonObject()),
});

export const documentSchema = z.strictObject({
  id: plainId().optional(),
  client_id: sensitive(subjectId()),
  status: z.literal("generated"),
  name: sensitive(z.string()),
  media_type: z.string(),
  template: z.strictObject({ name: z.string(), version: z.int() }),
  content: sensitive(z.string()),
});

export type CachedDocument = Omit<z.output<typeof documentSchema>, "id"> & { readonly id: string };

export interface Download {
  readonly name: string;
  readonly mediaType: string;
  readonly content: Buffer;
}

export class DocumentCacheService extends RecordService<CachedDocument> {
  constructor(parts: OverlayParts, stale: StaleKeys) {
    super(parts, stale, {
      entityType: "document",
      plural: "documents",
      table: "overlay_documents",
      entryKey: "document:{id}",
      listKey: "client_documents:{clientId}",
      dataClass: "phi",
      ttlSeconds: parts.ttl.document,
      // As JSON, which may write a byte as six.
      maxBytes: 6 * MAX_OUTPUT_BYTES + 8192,
      document: documentSchema,
      subjectsOf: ({ client_id }) => [client_id],
    });
  }

  /**
   * Keeps the next version of a template.
   * @throws HttpProblem 400 where the body is no template, 403 below supervisor, 409 where there are too many
   */
  async addTemplate(caller: Caller, given: unknown): Promise<Template> {
    const { name, format, body } = checked(templateSchema, given, "template");
    const event = templateEvent(name, "create");
    if (!seesAll(caller)) throw await refusal(this.parts.audit, caller, event);
    checkTemplate(body, format);
    const { tenantId, actor } = caller;
    return await withTenant(this.parts.pool, tenantId, async (client) => {
      const added = await addTemplate(client, tenantId, { name, format, body, created_by: actor.id });
      if (!added) throw conflict(`There are ${MAX_TEMPLATES} templates, or 1,000 versions of this one.`);
      await this.parts.audit.append(client, tenantId, actor, [
        { ...event, detail: { version: added.version } },
      ]);
      return added;
    });
  }

  /** The newest version of each, without the bodies. */
  async templates(caller: Caller): Promise<Omit<Template, "body">[]> {
    await this.#requireAny(caller, templateEvent("all", "search"));
    return await withTenant(
      this.parts.pool,
      caller.tenantId,
      (client) => listTemplates(client, caller.tenantId),
      { readOnly: true },
    );
  }

  /** @throws HttpProblem 404 */
  async template(caller: Caller, name: string, version?: number): Promise<Template> {
    await this.#requireAny(caller, templateEvent(name, "read"));
    const found = await withTenant(
      this.parts.pool,
      caller.tenantId,
      (client) => findTemplate(client, caller.tenantId, name, version),
      { readOnly: true },
    );
    if (!found) throw notFound("There is no template of this name and version.");
    return found;
  }

  /**
   * Fills in a template and keeps the document as `agentId`'s.
   * @throws HttpProblem 400, 403, 404 where there is no such template, 413 where the document is too large
   */
  async generate(
    caller: Caller,
    given: unknown,
    agentId: string,
  ): Promise<Omit<CachedDocument, "content"> & Kept> {
    const asked = checked(generationSchema, given, "document");
    const id = randomUUID();
    const event = { ...this.#about(id, asked.client_id), action: "generate" } as const;
    await requireAgent(this.parts.audit, caller, agentId, event);
    const { name, version, format, body } = await this.template(caller, asked.template, asked.version);
    const { mediaType, extension } = FORMAT_RULES[format];
    const document = {
      id,
      client_id: asked.client_id,
      status: "generated",
      name: `${asked.name ?? name}.${extension}`,
      media_type: mediaType,
      template: { name, version },
      content: render(body, format, asked.data),
    };
    return withoutContent(await this.set(caller, document, agentId));
  }

  /** `undefined` where there is none any more. @throws HttpProblem 403; ConsentRefused */
  async download(caller: Caller, id: string): Promise<Download | undefined> {
    const document = await this.get(caller, id);
    return (
      document && {
        name: document.name,
        mediaType: document.media_type,
        content: Buffer.from(document.content, "utf8"),
      }
    );
  }

  /** Who has no work here sees no templates. */
  async #requireAny(caller: Caller, event: AuditEvent): Promise<void> {
    if (!seesAll(caller) && caller.actor.role !== "agent")
      throw await refusal(this.parts.audit, caller, event);
    await this.parts.audit.record(caller.tenantId, caller.actor, [withPurpose(caller, event)]);
  }

  #about(id: string, clientId: string) {
    const { entityType, dataClass } = this.kind;
    return { entityType, entityId: id, dataClass, subjectId: clientId };
  }
}

export function withoutContent<T extends { readonly content: string }>({ content: _content, ...rest }: T) {
  return rest;
}

function templateEvent(name: string, action: AuditEvent["action"]): AuditEvent {
  return { action, entityType: "document_template", entityId: name, dataClass: "business" };
}
