// The page of advice: what each route's TTL brings, what others would, and what more memory would, by `cache.advice()`.
// Tests: test/integration/console-faults.test.ts
import type { RouteAdvice, TenantAdvice } from "../advice/cache-advice.js";
import { Refused } from "./form.js";
import { type Html, html, link } from "./html.js";
import { table } from "./layout.js";
import type { Page } from "./page.js";
import { bytes, count, milliseconds, percent, seconds, time } from "./quantities.js";
import { whatToDo } from "./reasons.js";

export const advicePage: Page = {
  name: "advice",
  title: "Advice",
  // It sums over tenants, and names the busiest.
  isFor: ({ seesAll }) => seesAll,
  async show({ access, sources }) {
    if (!access.seesAll) return new Refused(403, "This sums over all tenants.");
    const { enabled, since, routes, tenants, cost } = sources.cache.advice();
    if (!enabled)
      return { content: html`<p class="none">The cache has the option advice: { enabled: false }.</p>` };
    const heads = [
      ...[
        "route",
        "module",
        "kind",
        "an hour",
        "handler",
        "TTL now",
        "hit ratio",
        "suggested TTL",
        "hit ratio then",
      ],
      ...["saved an hour then", "invalidations an hour", "look at"],
    ];
    const memory = ["tenant", "requests", "working set", "with half", "with its bound", "with twice"];
    return {
      content: html`<p>Worked out from what this process was asked since ${time(new Date(since))}: ${count(cost.sampledKeys)} sampled keys, ${bytes(cost.bytes)}, ${percent(cost.cpuRatio)} of a processor.</p>
${table("Routes, those that would save most first", heads, routes.map(routeRow), "Nothing has been asked for yet.")}
<h2>Memory</h2>
<p>The hit ratio of a tenant with half of what it may hold, with that, and with twice that.</p>
${table("Tenants, the busiest first", memory, tenants.map(tenantRow), "No tenant has asked for anything yet.")}`,
    };
  },
};

function routeRow(route: RouteAdvice): Html {
  const { path, module, kind, requestsPerHour, handlerMs, present, suggested } = route;
  const saved = suggested && seconds(suggested.handlerSecondsSavedPerHour);
  return html`<tr><th scope="row">${path ?? "values"}</th><td><a href="${link("modules", { module })}">${module}</a></td><td>${kind}</td>
<td>${count(Math.round(requestsPerHour))}</td><td>${milliseconds(handlerMs)}</td>
<td>${present && seconds(present.ttlSeconds)}</td><td>${percent(present?.hitRatio)}</td>
<td>${suggested && seconds(suggested.ttlSeconds)}</td><td>${percent(suggested?.hitRatio)}</td><td>${saved}</td>
<td>${count(Math.round(route.invalidationsPerHour))}</td><td>${route.warnings.map(({ code }) => code).join(", ")}</td></tr>`;
}

function tenantRow({ tenant, requests, workingSetBytes, atHalf, atBound, atTwice }: TenantAdvice): Html {
  const name = tenant === null ? "all others" : html`<a href="${link("tenants", { tenant })}">${tenant}</a>`;
  return html`<tr><th scope="row">${name}</th><td>${count(requests)}</td><td>${bytes(workingSetBytes)}</td>
<td>${percent(atHalf)}</td><td>${percent(atBound)}</td><td>${percent(atTwice)}</td></tr>`;
}

/** What is known of the routes of one module, for its own page. */
export function routesOf(routes: readonly RouteAdvice[]): Html {
  return html`${routes.map(routeDetail)}`;
}

function routeDetail({ path, ttls, present, suggested, warnings, ...more }: RouteAdvice): Html {
  const { suggestedTags, suggestedScope, unstorable, cutOffRatio } = more;
  const rows = ttls.map((forecast) => {
    const marks = [forecast === present && "now", forecast === suggested && "suggested"].filter(Boolean);
    return html`<tr><th scope="row">${seconds(forecast.ttlSeconds)}</th><td>${percent(forecast.hitRatio)}</td>
<td>${seconds(forecast.handlerSecondsSavedPerHour)}</td><td>${marks.join(", ")}</td></tr>`;
  });
  const name = path ?? "values";
  return html`<h2>${name}</h2>
${warnings.map(({ code, text }) => html`<p class="warning"><strong>${code}</strong>: ${text}</p>`)}
${suggestedTags && html`<p>Most refills bring what was there before. Name tags: <code>${suggestedTags}</code></p>`}
${suggestedScope && html`<p>Its scopes get equal answers: the tenant would do.</p>`}
${cutOffRatio > 0 && html`<p>${percent(cutOffRatio)} of its requests miss because of an invalidation.</p>`}
${table(`TTLs of ${name}`, ["TTL", "hit ratio", "handler time saved an hour", "which"], rows, "Not enough is known of its TTL.")}
${reasonsTable(`Answers of ${name} that were not stored`, Object.entries(unstorable))}`;
}

/** Reasons, the most frequent first, and what to do about each; nothing where there are none. */
export function reasonsTable(
  caption: string,
  reasons: Iterable<readonly [string, number]>,
): Html | undefined {
  const sorted = [...reasons].sort(([, one], [, other]) => other - one);
  if (sorted.length === 0) return undefined;
  const rows = sorted.map(
    ([reason, times]) =>
      html`<tr><th scope="row">${reason}</th><td>${count(times)}</td><td>${whatToDo(reason)}</td></tr>`,
  );
  return html`<h2>${caption}</h2>${table(caption, ["reason", "times", "what to do"], rows, "")}`;
}
