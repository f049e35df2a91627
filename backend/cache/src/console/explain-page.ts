// The page that explains one request: what the next such one would be told, and why. No handler runs.
// Tests: test/integration/console-explain.test.ts
import { TenantCacheError } from "../errors.js";
import type { ExplainedFence, Explanation, MissExplanation } from "../express/explanation.js";
import type { ConsoleOptions } from "../options/console-options.js";
import { causeInWords } from "./causes-page.js";
import { Refused } from "./form.js";
import { type Html, html } from "./html.js";
import { table } from "./layout.js";
import type { Asked, Page } from "./page.js";
import { bytes, seconds } from "./quantities.js";

type ExplainAs = ConsoleOptions["explainAs"];

export function createExplainPage(explainAs: ExplainAs): Page {
  const form = (asked: Asked) => formOf(asked, explainAs !== undefined);
  return {
    name: "explain",
    title: "Explain",
    async show(asked) {
      const { req, access, query, sources } = asked;
      const url = query.get("url");
      if (url === null) return { content: form(asked) };
      const tenant = access.tenant(query.get("tenant"));
      if (tenant === undefined) return new Refused(403, "You may not see this tenant.");
      const method = (query.get("method") || "GET").toUpperCase();
      const { headers, as } = (await explainAs?.(req, tenant)) ?? {};
      let explanation: Explanation;
      try {
        const identity = { ...(headers && { headers }), ...(as && { as }) };
        explanation = await sources.cache.explain({ tenant, url, method, ...identity });
      } catch (error) {
        if (!(error instanceof TenantCacheError)) throw error;
        // Whose request it is instead is nobody's business.
        const isOthers = error.code === "ETC_EXPLAIN_TENANT";
        const message = isOthers ? "The app takes this request for another tenant's." : error.message;
        const content = html`${form(asked)}<p role="alert" class="warning">${message}</p>`;
        return { content, status: 422 };
      }
      if (explanation.tenant !== null && explanation.tenant !== tenant)
        return new Refused(403, "You may not see this tenant.");
      return { content: html`${form(asked)}${shown(explanation)}` };
    },
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

function formOf({ access, query }: Asked, isAskedAsSomebody: boolean): Html {
  const [only = ""] = access.own.length === 1 ? access.own : [];
  return html`<form method="get" action="explain" class="row">
<label>Tenant <input name="tenant" required value="${query.get("tenant") ?? only}" autocomplete="off"></label>
<label>Method <input name="method" value="${query.get("method") ?? "GET"}" autocomplete="off"></label>
<label>URL <input name="url" required value="${query.get("url")}" autocomplete="off" placeholder="/accounts?page=2"></label>
<button>Explain</button></form>
<p>No handler runs. What stands in front of the cache does, ${
    isAskedAsSomebody
      ? "as for a request of yours for this tenant."
      : html`as for a request without a login: give the console <code>explainAs</code> where that refuses it.`
  }</p>`;
}
