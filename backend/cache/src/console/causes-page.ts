// The page of causes: who has made what stale in the last 24 hours.
// Tests: test/integration/console-explain.test.ts
import type { Cause } from "../engine/cause-text.js";
import { Refused } from "./form.js";
import { html } from "./html.js";
import { table } from "./layout.js";
import type { Page } from "./page.js";
import { time } from "./quantities.js";

const ROWS = 200;

export const causesPage: Page = {
  name: "causes",
  title: "Causes",
  async show({ access, query, sources }) {
    const [only] = access.own.length === 1 ? access.own : [];
    const asked = query.get("tenant") ?? only;
    const module = query.get("module") ?? "";
    const form = html`<form method="get" action="causes" class="row">
<label>Tenant <input name="tenant" required value="${asked}" autocomplete="off"></label>
<label>Module <input name="module" value="${module}" autocomplete="off"></label>
<button>Show</button></form>`;
    if (asked === undefined) return { content: form };
    const tenant = access.tenant(asked);
    if (tenant === undefined) return new Refused(403, "You may not see this tenant.");
    if (sources.figures(access).store.circuit !== "closed")
      return { content: html`${form}<p class="warning">The store does not answer now.</p>` };
    const causes = await sources.cache.causes({ tenant, limit: ROWS, ...(module !== "" && { module }) });
    const rows = causes.map(
      (
        cause,
      ) => html`<tr><th scope="row"><time datetime="${new Date(cause.atMs).toISOString()}">${time(cause.atMs)}</time></th>
<td>${cause.kind}</td><td>${cause.name}</td><td>${partsOf(cause)}</td><td>${cause.actor}</td><td>${cause.requestId}</td><td>${cause.reason}</td></tr>`,
    );
    const heads = ["when", "what", "which", "made stale", "who", "request", "reason"];
    return {
      content: html`${form}<h2>${tenant}</h2>
${table(`Causes of ${tenant}, the newest first`, heads, rows, "Nothing in the last 24 hours, or the store keeps no causes.")}
<p>Who it was is a pseudonym.</p>`,
    };
  },
};

export function causeInWords({ kind, name, atMs, reason }: Cause): string {
  return [kind, name, reason, time(atMs)].filter((part) => part !== undefined && part !== "").join(", ");
}

function partsOf({ everything, modules, tags }: Cause): string {
  if (everything) return "all";
  return [...modules, ...tags.map((tag) => `tag ${tag}`)].join(", ") || "a URL";
}
