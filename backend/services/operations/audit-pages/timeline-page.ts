// The timeline of an entity: who has done what with it, for which purpose, with which outcome; and the proof of each record.
// Tests: test/http/audit-pages.test.ts
import type { ConsoleHtml } from "express-tenant-cache";
import * as z from "zod";
import { text } from "../../../modules/field-types.js";
import { BLOCK_RECORDS } from "../../audit/audit-blocks.js";
import type { AuditLog } from "../../audit/audit-event.js";
import { recordSeen } from "../../audit/routes/seen.js";
import { checkpointStatus } from "../../audit/status/trail-status.js";
import {
  type AuditPage,
  type AuditPageRequest,
  type AuditPageSources,
  auditPage,
  before,
  PAGE_ROWS,
} from "./audit-page.js";
import { bundleFile } from "./bundle-file.js";

const query = z
  .strictObject({
    entity_type: text(64).optional(),
    entity_id: text(256).optional(),
    before,
    proof: before,
  })
  .refine(({ entity_type, entity_id }) => (entity_type === undefined) === (entity_id === undefined), {
    error: "needs both, type and id of the entity",
    path: ["entity_id"],
  });
type Given = z.output<typeof query>;

export function timelinePage(sources: AuditPageSources): AuditPage {
  const { audit } = sources;
  return auditPage({
    path: "audit",
    title: "Audit timeline",
    roles: ["auditor"],
    query,
    show: async (request) => {
      const { given, tenantId, actor, html } = request;
      if (given.proof !== undefined) {
        await recordSeen(audit.trail, tenantId, actor, { action: "export", what: `proof of ${given.proof}` });
        return bundleFile(audit, request, { from: given.proof, to: given.proof + 1 });
      }
      const { entity_type: type, entity_id: id } = given;
      if (type === undefined || id === undefined)
        return html`${search(request)}<p>An entity is what a record is about: its type, such as <code>crm_client</code>, <code>communication</code> or <code>document</code>, and its id, such as <code>hubspot:7</code>. That you have looked is on record, too.</p>`;
      await recordSeen(audit.trail, tenantId, actor, { action: "search", what: "timeline", id });
      return html`${search(request)}${await found(sources, request, type, id)}`;
    },
  });
}

function search({ html, given, fields }: AuditPageRequest<Given>): ConsoleHtml {
  return html`<form method="get" action="audit" class="row">${fields.get}
<label>Entity type <input name="entity_type" required maxlength="64" value="${given.entity_type}" autocomplete="off"></label>
<label>Entity id <input name="entity_id" required maxlength="256" value="${given.entity_id}" autocomplete="off"></label>
<button>Show</button></form>`;
}

async function found(
  { audit: { pool, trail } }: AuditPageSources,
  request: AuditPageRequest<Given>,
  type: string,
  id: string,
): Promise<ConsoleHtml> {
  const { html, table, go, given, tenantId } = request;
  const limit = PAGE_ROWS;
  const logs = await trail.getAuditLogs(tenantId, type, id, {
    limit,
    ...(given.before !== undefined && { before: given.before }),
  });
  const { treeSize } = await checkpointStatus(pool, tenantId);
  const last = logs.at(-1)?.index;
  const heads = ["when", "place", "action", "outcome", "actor, role", "purpose", "from", "request"];
  const rows = logs.map((log) => row(request, log, treeSize));
  return html`<h2>${type} ${id}</h2>
${table("Records, the newest first", heads, rows, "No record is about this entity.")}
${logs.length === limit && last !== undefined && html`<p class="pages"><a href="${go("audit", { entity_type: type, entity_id: id, before: String(last) })}">${limit} older ones</a></p>`}`;
}

function row(
  { html, time, go }: AuditPageRequest<Given>,
  { at, action, outcome, actor, purpose, consent, source, request, index, dataClass }: AuditLog,
  treeSize: number,
): ConsoleHtml {
  const by = consent && html`, consent <code>${consent.id}</code> version ${consent.version}`;
  const place =
    index === undefined ? "waits for its place" : `leaf ${index}, block ${Math.floor(index / BLOCK_RECORDS)}`;
  const proof =
    index !== undefined && index < treeSize
      ? html`<a href="${go("audit", { proof: String(index) })}" aria-label="proof of ${index}">proof</a>`
      : "not signed yet";
  return html`<tr><th scope="row">${time(Date.parse(at))}</th><td>${place}, ${proof}</td><td>${action} <span class="none">${dataClass}</span></td>
<td>${outcome === "success" ? outcome : html`<span class="warning">${outcome}</span>`}</td><td>${actor.id}, ${actor.role}</td>
<td>${purpose ?? "–"}${by}</td><td>${source ?? "–"}</td><td>${request ?? "–"}</td></tr>`;
}
