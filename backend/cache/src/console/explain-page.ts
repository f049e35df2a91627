// The page that explains one request: what the next such one would be told, and why. No handler runs.
// Tests: test/integration/console-explain.test.ts
import { TenantCacheError } from "../errors.js";
import type { ExplainedFence, Explanation, MissExplanation } from "../express/explanation.js";
import { headersOfLines } from "../header-lines.js";
import { explainedFor } from "../operations/explained-for.js";
import type { ConsoleOptions } from "../options/console-options.js";
import { causeInWords } from "./causes-page.js";
import { Refused } from "./form.js";
import { type Html, html } from "./html.js";
import { table, tokenField } from "./layout.js";
import type { Asked, Page, Shown } from "./page.js";
import { bytes, seconds } from "./quantities.js";

type ExplainAs = ConsoleOptions["explainAs"];

/** What the form asks for. */
type Fields = Pick<ReadonlyMap<string, string>, "get"> | Pick<URLSearchParams, "get">;

export function createExplainPage(explainAs: ExplainAs): Page {
  const form = (asked: Asked, fields: Fields) => formOf(asked, fields, explainAs !== undefined);
  const explain = async (asked: Asked, fields: Fields): Promise<Shown | Refused> => {
    const { req, access, sources } = asked;
    const tenant = access.tenant(fields.get("tenant"));
    if (tenant === undefined) return new Refused(403, "You may not see this tenant.");
    const refusal = (message: string) => {
      const content = html`${form(asked, fields)}<p role="alert" class="warning">${message}</p>`;
      return { content, status: 422 };
    };
    const headers = headersOfLines((fields.get("headers") ?? "").split(/\r?\n/));
    if (!headers) return refusal("Write each header in a line of its own: Accept-Language: de");
    const operator = { req, tenant, explainAs: explainAs && (() => explainAs(req, tenant)) };
    const method = (fields.get("method") || "GET").toUpperCase();
    const body = fields.get("body") || undefined;
    let explanation: Explanation;
    try {
      const request = { url: fields.get("url") ?? "", method, headers, ...(body && { body }) };
      explanation = await explainedFor(sources.cache, operator, request);
    } catch (error) {
      if (!(error instanceof TenantCacheError)) throw error;
      // Whose request it is instead is nobody's business.
      const isOthers = error.code === "ETC_EXPLAIN_TENANT";
      return refusal(isOthers ? "The app takes this request for another tenant's." : error.message);
    }
    if (explanation.tenant !== null && explanation.tenant !== tenant)
      return new Refused(403, "You may not see this tenant.");
    return { content: html`${form(asked, fields)}${shown(explanation)}` };
  };
  return {
    name: "explain",
    title: "Explain",
    // Links of other pages.
    show: async (asked) => {
      const { query } = asked;
      return query.get("url") === null ? { content: form(asked, query) } : explain(asked, query);
    },
    // Headers may hold a cookie or a token, which must not be in a URL: those are in logs and histories.
    take: explain,
  };
}

function shown({
  verdict,
  cacheStatus,
  detail,
  status,
  path,
  route,
  scope,
  tags,
  key,
  fences,
  entry,
  miss,
}: Explanation): Html {
  const facts: readonly (readonly [name: string, value: string | undefined | null])[] = [
    ["Cache-Status", cacheStatus],
    ["detail", detail],
    ["answered before the cache, with", status === null ? null : String(status)],
    ["route", path],
    ["module", route?.module],
    ["policy", route?.policy],
    ["TTL of the route", route?.ttlSeconds == null ? null : seconds(route.ttlSeconds)],
    ["varies by", route?.vary.join(", ")],
    ["scope", scope],
    ["tags", tags.join(", ")],
    ["key", key],
    [
      "entry",
      entry &&
        `${entry.tier}, ${seconds(entry.ageSeconds)} old, ${seconds(entry.ttlSeconds)} left, body ${bytes(entry.bodyBytes)}`,
    ],
    ["variants", entry?.variants.map((each) => `${each.encoding} ${bytes(each.bytes)}`).join(", ")],
  ];
  const rows = facts
    .filter(([, value]) => value)
    .map(([name, value]) => html`<tr><th scope="row">${name}</th><td>${value}</td></tr>`);
  const heads = ["fence", "state", "age", "cuts off", "cause"];
  return html`<div role="status"><h2>${verdict}${miss && `: ${missInWords(miss)}`}</h2></div>
${table("What it goes by", ["what", "is"], rows, "Nothing is known of it.")}
<h2>Fences</h2>
${table("Fences", heads, fences.map(fenceRow), "It has none: it did not come to a cached route.")}`;
}

function missInWords({ reason, detail, fencedBy = [], evictedBy }: MissExplanation): string {
  const [by] = fencedBy.slice(-1);
  if (by) return `${reason} by ${by.fence} (${by.cause ? causeInWords(by.cause) : "cause not known"})`;
  if (evictedBy) return `${reason}, for want of room: ${evictedBy}`;
  return detail === undefined ? reason : `${reason} (${detail})`;
}

function fenceRow({ fence, state, ageSeconds, cutsOff, cause, isMade }: ExplainedFence): Html {
  const why = isMade ? "made by a fill" : cause ? causeInWords(cause) : "not known";
  return html`<tr><th scope="row">${fence}</th><td>${state}</td><td>${ageSeconds !== null && seconds(ageSeconds)}</td>
<td>${cutsOff === null ? "–" : cutsOff ? "yes" : "no"}</td><td>${why}</td></tr>`;
}

function formOf({ access, token }: Asked, fields: Fields, isAskedAsSomebody: boolean): Html {
  const [only = ""] = access.own.length === 1 ? access.own : [];
  return html`<form method="post" action="explain" class="stack">${tokenField(token)}
<label>Tenant <input name="tenant" required value="${fields.get("tenant") ?? only}" autocomplete="off"></label>
<label>Method <input name="method" value="${fields.get("method") ?? "GET"}" autocomplete="off"></label>
<label>URL <input name="url" required value="${fields.get("url")}" autocomplete="off" placeholder="/accounts?page=2"></label>
<label>Headers, each in a line of its own <textarea name="headers" rows="3" autocomplete="off" spellcheck="false" placeholder="Accept-Language: de">${fields.get("headers")}</textarea></label>
<label>Body, where the route takes one <textarea name="body" rows="2" autocomplete="off" spellcheck="false">${fields.get("body")}</textarea></label>
<button>Explain</button></form>
<p>No handler runs. What stands in front of the cache does, ${
    isAskedAsSomebody
      ? "as for a request of yours for this tenant; headers that you write win."
      : html`as for a request with these headers: give the console <code>explainAs</code> where a login is to be put in by itself.`
  }</p>`;
}
