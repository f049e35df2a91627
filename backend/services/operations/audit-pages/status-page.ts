// How the trail stands: what is wrong, whether the records are those that were signed, and the last checkpoint.
// Tests: test/http/audit-pages.test.ts
import { setTimeout as delay } from "node:timers/promises";
import type { ConsoleHtml } from "express-tenant-cache";
import * as z from "zod";
import { HttpProblem } from "../../../http/problem.js";
import { openTenantCheckpoint } from "../../audit/checkpointer.js";
import { acknowledge, recordSeen } from "../../audit/routes/seen.js";
import { isSignedBy, parseNote } from "../../audit/signed-note.js";
import { bufferLosses, checkpointStatus } from "../../audit/status/trail-status.js";
import {
  type AuditPage,
  type AuditPageRequest,
  type AuditPageSources,
  auditPage,
  before as index,
} from "./audit-page.js";
import { bundleFile, MAX_BUNDLE_RECORDS } from "./bundle-file.js";

const SHOWN_LOSSES = 20;
/** A look, and a verification that somebody has asked for, go on behind the page after so long. */
const WAITS_MS = 3000;

const query = z
  .strictObject({ from: index, to: index })
  .refine(({ from, to }) => (from === undefined) === (to === undefined), {
    error: "needs both, the first and the last index",
    path: ["to"],
  })
  .refine(({ from = 0, to = 0 }) => to >= from && to - from < MAX_BUNDLE_RECORDS, {
    error: `must not be before the first index, nor ${MAX_BUNDLE_RECORDS} or more behind it`,
    path: ["to"],
  });
type Request = AuditPageRequest<z.output<typeof query>>;

export function statusPage({ audit }: AuditPageSources): AuditPage {
  const { trail, watch } = audit;
  return auditPage({
    path: "audit-status",
    title: "Audit status",
    roles: ["auditor"],
    query,
    show: async (request) => {
      const { given, tenantId, actor, html } = request;
      const { from, to } = given;
      if (from !== undefined && to !== undefined) {
        await recordSeen(trail, tenantId, actor, { action: "export", what: `records ${from} to ${to}` });
        return bundleFile(audit, request, { from, to: to + 1 });
      }
      await recordSeen(trail, tenantId, actor, { action: "read", what: "status" });
      await soon(watch.look(tenantId));
      return html`<h2>Alerts</h2>${alerts(audit, request)}
<h2>Integrity</h2>${integrity(audit, request)}
<h2>Last checkpoint</h2>${await checkpoint(audit, request)}
<h2>Lost records</h2>${await losses(audit, request)}
<h2>Records to verify elsewhere</h2>
<form method="get" action="audit-status" class="row">${request.fields.get}
<label>First index <input name="from" required inputmode="numeric" pattern="[0-9]{1,15}"></label>
<label>Last index <input name="to" required inputmode="numeric" pattern="[0-9]{1,15}"></label>
<button>Download with proofs</button></form>
<p>At most ${MAX_BUNDLE_RECORDS} at once. <code>npm run audit -- verify &lt;file&gt; --key &lt;verifier key&gt;</code> verifies them without a database.</p>`;
    },
    take: async ({ tenantId, actor, go }, form) => {
      const what = form.get("do");
      if (what === "verify") {
        await recordSeen(trail, tenantId, actor, { action: "read", what: "integrity" });
        await soon(watch.integrity(tenantId));
      } else if (what === "acknowledge") await acknowledge(audit, tenantId, actor);
      else throw new HttpProblem(400, { detail: "There is nothing of that name to do here." });
      return { goTo: go("audit-status") };
    },
  });
}

/** What takes longer goes on; the page says so. */
async function soon(work: Promise<unknown>): Promise<void> {
  const late = new AbortController();
  // Of a failure the watch has its line, and asks again; what the page shows is what is known.
  const ended = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([ended, delay(WAITS_MS, undefined, { signal: late.signal }).catch(() => undefined)]);
  late.abort();
}

function alerts({ watch }: AuditPageSources["audit"], { html, table, time, tenantId }: Request): ConsoleHtml {
  const rows = watch
    .alertsOf(tenantId)
    .map(
      ({ name, message, since }) =>
        html`<tr><th scope="row">${name}</th><td><span class="url">${message}</span></td><td>${time(since)}</td></tr>`,
    );
  return table("What is wrong now", ["alert", "what", "since"], rows, "No alert.");
}

function integrity(
  { watch }: AuditPageSources["audit"],
  { html, time, tenantId, fields }: Request,
): ConsoleHtml {
  const { last, isUnderWay } = watch.knownIntegrity(tenantId);
  const said =
    last &&
    html`<dl class="tiles">
<div><dt>Records</dt><dd><strong class="${last.valid ? "good" : "warning"}">${last.valid ? "valid" : "not valid"}</strong> <span>verified ${time(last.at)}</span></dd></div>
<div><dt>First bad index</dt><dd><strong>${last.firstBadIndex ?? "none"}</strong></dd></div>
<div><dt>Looked at</dt><dd><strong>${last.size}</strong> <span>of which ${last.provenSize} are signed</span></dd></div>
</dl>
${last.errors.length > 0 && html`<ul class="warning">${last.errors.map((error) => html`<li>${error}</li>`)}</ul>`}`;
  return html`${said ?? html`<p class="none">This process has not verified the records yet.</p>`}
${isUnderWay && html`<p role="status">A verification is under way. It reads all records: open the page again later.</p>`}
<p>Each process verifies all records once an hour by itself. Those that are asked for: one at a time, and of each tenant at most one a minute.</p>
<form method="post" action="audit-status">${fields.post}<input type="hidden" name="do" value="verify"><button>Verify now</button></form>`;
}

async function checkpoint(
  { pool, trail, watch }: AuditPageSources["audit"],
  { html, time, duration, tenantId }: Request,
): Promise<ConsoleHtml> {
  const { note, treeSize, signedAt, ageSeconds, notCovered, waitingSeconds } = await checkpointStatus(
    pool,
    tenantId,
  );
  const isOverdue = waitingSeconds > watch.maxCheckpointAgeSeconds;
  const waiting = html`<div><dt>Not covered yet</dt><dd><strong>${notCovered}</strong> <span>${
    notCovered > 0 ? `the oldest for ${duration(waitingSeconds)}` : "every record is covered"
  }</span></dd></div>
<div><dt>Overdue</dt><dd><strong class="${isOverdue ? "warning" : "good"}">${isOverdue ? "yes" : "no"}</strong> <span>above ${duration(watch.maxCheckpointAgeSeconds)}</span></dd></div>`;
  if (note === null || signedAt === null)
    return html`<p class="none">Nothing was signed yet.</p><dl class="tiles">${waiting}</dl>`;
  const { keys = [], witnessKeys = [] } = trail.checkpointer ?? {};
  const isSigned = openTenantCheckpoint(note, keys, tenantId) !== undefined;
  const parsed = parseNote(note);
  const cosigned = parsed ? witnessKeys.filter((key) => isSignedBy(parsed, key)) : [];
  const witnesses =
    witnessKeys.length === 0
      ? "none is configured"
      : cosigned.map(({ name }) => name).join(", ") || "by none";
  return html`<dl class="tiles">
<div><dt>Covers</dt><dd><strong>${treeSize}</strong> <span>records</span></dd></div>
<div><dt>Age</dt><dd><strong>${duration(ageSeconds ?? 0)}</strong> <span>signed ${time(signedAt)}</span></dd></div>
<div><dt>Signature</dt><dd><strong class="${isSigned ? "good" : "warning"}">${isSigned ? "verifies" : "does not verify"}</strong> <span>${parsed?.signatures[0]?.name}</span></dd></div>
<div><dt>Witnesses</dt><dd><strong class="${cosigned.length < witnessKeys.length && "warning"}">${cosigned.length} of ${witnessKeys.length}</strong> <span>${witnesses}</span></dd></div>
${waiting}</dl>
<details><summary>The signed note</summary><pre>${note}</pre></details>`;
}

async function losses(
  { pool, watch }: AuditPageSources["audit"],
  { html, table, time, tenantId, fields }: Request,
): Promise<ConsoleHtml> {
  const lost = await bufferLosses(pool, tenantId, SHOWN_LOSSES);
  const rows = lost.map(
    ({ at, entityId, detail = {} }) =>
      html`<tr><th scope="row">${time(Date.parse(at))}</th><td>${entityId}</td><td>${Object.entries(detail)
        .map(([name, value]) => `${name} ${value}`)
        .join(", ")}</td></tr>`,
  );
  const isOpen = watch.alertsOf(tenantId).some(({ name }) => name === "records-lost");
  return html`${table("Losses of buffers, the newest first", ["when", "process", "what"], rows, "No loss is on record.")}
${
  isOpen &&
  html`<p>Once you have looked into them, acknowledge them. That is on record.</p>
<form method="post" action="audit-status">${fields.post}<input type="hidden" name="do" value="acknowledge"><button>Acknowledge the losses</button></form>`
}`;
}
