// How synchronisation stands: connections, clients by status, conflicts and dead letters. Clients are their pseudonyms, and no field is shown.
// Tests: test/http/audit-pages-sync.test.ts
import type { ConsoleHtml } from "express-tenant-cache";
import * as z from "zod";
import { notFound } from "../../../http/problem.js";
import { recordSeen } from "../../audit/routes/seen.js";
import type { Link, SyncContext } from "../../sync/sync-context.js";
import {
  type ConnectionOverview,
  clientsOf,
  connectionOverview,
  failuresOf,
} from "../../sync/sync-overview.js";
import {
  type AuditPage,
  type AuditPageRequest,
  type AuditPageSources,
  auditPage,
  PAGE_ROWS,
} from "./audit-page.js";

const STATUSES = ["fresh", "syncing", "stale", "conflict", "failed"] as const;
/** The last failure that was shown: its time in milliseconds, and its id. */
const CURSOR = /^(\d{1,15})_([0-9a-z-]{1,40})$/;
const query = z
  .strictObject({
    connection: z.guid("must be the id of a connection").toLowerCase().optional(),
    show: z.enum([...STATUSES, "failures"], { error: "must be a status, or failures" }).optional(),
    after: z
      .string("must be given once")
      .regex(/^[0-9a-z_-]{1,64}$/, "must be what the link of the last page says")
      .optional(),
  })
  .refine(({ connection, show }) => (connection === undefined) === (show === undefined), {
    error: "needs both, a connection and what of it",
    path: ["show"],
  })
  .refine(({ show, after }) => after === undefined || show !== "failures" || CURSOR.test(after), {
    error: "must be what the link of the last page says",
    path: ["after"],
  });
type Request = AuditPageRequest<z.output<typeof query>>;

export function syncPage({ audit: { trail }, sync }: AuditPageSources): AuditPage {
  return auditPage({
    path: "audit-sync",
    title: "Synchronisation",
    roles: ["auditor", "supervisor"],
    query,
    show: async (request) => {
      const { given, html, tenantId, actor, go } = request;
      await recordSeen(trail, tenantId, actor, { action: "read", what: "sync" });
      const links = sync?.links.filter(({ connection }) => connection.tenant === tenantId) ?? [];
      if (!sync || links.length === 0)
        return html`<p class="none">This tenant is connected to no other CRM.</p>`;
      const { connection, show } = given;
      if (connection === undefined || show === undefined) return overview(sync.context, links, request);
      const link = links.find((each) => each.connection.id === connection);
      if (!link) throw notFound("This tenant has no such connection.");
      const list = show === "failures" ? failures : clients(show);
      return html`<p><a href="${go("audit-sync")}">All connections</a></p>
<h2>${link.connection.crm}: ${show}</h2>${await list(sync.context, link, request)}`;
    },
  });
}

async function overview(
  context: SyncContext,
  links: readonly Link[],
  { html, table, time, go }: Request,
): Promise<ConsoleHtml> {
  const connections = await Promise.all(links.map((link) => connectionOverview(context, link)));
  const state = ({ needs_reconnect, is_away, problem, problem_since }: ConnectionOverview) => {
    const since = problem_since && html` since ${time(problem_since)}`;
    if (needs_reconnect) return html`<span class="warning">has to be connected anew</span>${since}`;
    if (problem !== null) return html`<span class="warning url">${problem}</span>${since}`;
    return is_away ? html`<span class="warning">away</span>` : html`<span class="good">works</span>`;
  };
  const rows = connections.map((each) => {
    const { id, crm_system, clients: counts, replayed_at, full_read_at, dead_letters } = each;
    const to = (show: string, count: number) =>
      html`<td><a href="${go("audit-sync", { connection: id, show })}" aria-label="${count} ${show} of ${crm_system}">${count}</a></td>`;
    return html`<tr><th scope="row">${crm_system}</th><td>${state(each)}</td>${STATUSES.map((status) => to(status, counts[status]))}
<td>${each.waiting_events}</td><td>${each.waiting_changes}</td>${to("failures", dead_letters + counts.conflict)}
<td>${replayed_at ? time(replayed_at) : "never"}</td><td>${full_read_at ? time(full_read_at) : "never"}</td></tr>`;
  });
  const heads = [
    "CRM",
    "state",
    ...STATUSES,
    "events wait",
    "changes wait",
    "failures",
    "followed",
    "all read",
  ];
  return html`${table("Connections, with clients by status", heads, rows, "None.")}
<p>Failures are conflicts and dead letters: they wait for a supervisor.</p>`;
}

const clients =
  (status: (typeof STATUSES)[number]) =>
  async (
    context: SyncContext,
    link: Link,
    { html, table, time, go, given }: Request,
  ): Promise<ConsoleHtml> => {
    const { connection, after } = given;
    const found = await clientsOf(context, link, {
      status,
      limit: PAGE_ROWS,
      ...(after !== undefined && { after }),
    });
    const rows = found.map(
      ({ subject, reason, read_at }) =>
        html`<tr><th scope="row"><code>${subject}</code></th><td>${status}</td><td><span class="url">${reason ?? "–"}</span></td><td>${read_at ? time(read_at) : "never"}</td></tr>`,
    );
    const last = found.length === PAGE_ROWS ? found.at(-1)?.subject : undefined;
    return html`${table(`Clients that are ${status}, by pseudonym`, ["pseudonym", "status", "reason", "read"], rows, "None.")}
${last !== undefined && html`<p class="pages"><a href="${go("audit-sync", { connection, show: status, after: last })}">next ${PAGE_ROWS}</a></p>`}`;
  };

async function failures(
  context: SyncContext,
  link: Link,
  { html, table, time, go, given: { connection, after = "" } }: Request,
): Promise<ConsoleHtml> {
  const [, at, id] = CURSOR.exec(after) ?? [];
  const known = at !== undefined && id !== undefined ? { at: new Date(Number(at)), id } : undefined;
  const found = await failuresOf(context, link, PAGE_ROWS, known);
  const rows = found.map(
    (failure) =>
      html`<tr><th scope="row">${time(failure.at)}</th><td>${failure.kind}</td><td>${failure.status === "dead" ? "dead letter" : failure.status}</td><td><code>${failure.subject ?? "–"}</code></td><td><span class="url">${failure.problem ?? "–"}</span></td><td>${failure.attempts}</td></tr>`,
  );
  const last = found.length === PAGE_ROWS ? found.at(-1) : undefined;
  const heads = ["since", "what", "state", "pseudonym", "reason", "attempts"];
  return html`${table("Conflicts and dead letters, the oldest first", heads, rows, "None.")}
${last && html`<p class="pages"><a href="${go("audit-sync", { connection, show: "failures", after: `${last.at.getTime()}_${last.id}` })}">next ${PAGE_ROWS}</a></p>`}`;
}
