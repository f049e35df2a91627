// What was erased: tombstones of the trail, and erasures that are not finished. Persons are their pseudonyms.
// Tests: test/http/audit-pages.test.ts
import * as z from "zod";
import { recordSeen } from "../../audit/routes/seen.js";
import { checkpointStatus, erasures } from "../../audit/status/trail-status.js";
import { type AuditPage, type AuditPageSources, auditPage, before, PAGE_ROWS } from "./audit-page.js";

export function erasuresPage({ audit: { pool, trail }, vault }: AuditPageSources): AuditPage {
  return auditPage({
    path: "audit-erasures",
    title: "Erasures",
    roles: ["auditor"],
    query: z.strictObject({ before }),
    show: async ({ html, table, time, go, tenantId, actor, given }) => {
      await recordSeen(trail, tenantId, actor, { action: "search", what: "erasures" });
      const [unfinished, tombstones, { treeSize }] = await Promise.all([
        vault?.unfinishedErasures(tenantId, PAGE_ROWS) ?? [],
        erasures(pool, tenantId, { limit: PAGE_ROWS, before: given.before }),
        checkpointStatus(pool, tenantId),
      ]);
      const begun = unfinished.map(
        ({ requestedAt, pseudonym, reason, requestedBy }) =>
          html`<tr><th scope="row">${time(Date.parse(requestedAt))}</th><td><code>${pseudonym}</code></td><td><span class="url">${reason}</span></td><td>${requestedBy.id}, ${requestedBy.role}</td><td><span class="warning">unfinished</span></td></tr>`,
      );
      const done = tombstones.map(
        ({ at, subject, entityType, entityId, detail, actor: by, index }) =>
          html`<tr><th scope="row">${time(Date.parse(at))}</th><td><code>${subject ?? `${entityType} ${entityId}`}</code></td><td><span class="url">${String(detail?.reason ?? "–")}</span></td><td>${by.id}, ${by.role}</td><td>erased</td>
<td>${index !== undefined && index < treeSize ? html`<a href="${go("audit", { proof: String(index) })}">proof of ${index}</a>` : "not signed yet"}</td></tr>`,
      );
      const last = tombstones.at(-1)?.index;
      const heads = ["when", "pseudonym", "reason", "asked by", "state"];
      return html`<h2>Not finished</h2>
${table("Erasures that have begun, the oldest first", heads, begun, "None.")}
<p>Nothing about such a person is disclosed any more; the rest goes on by itself.</p>
<h2>Erased</h2>
${table("Tombstones, the newest first", [...heads, "proof"], done, "Nobody has been erased.")}
${tombstones.length === PAGE_ROWS && last !== undefined && html`<p class="pages"><a href="${go("audit-erasures", { before: String(last) })}">${PAGE_ROWS} older ones</a></p>`}`;
    },
  });
}
