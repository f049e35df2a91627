// The page of modules: what was asked for, what was stored, what has invalidated it.
// Tests: test/integration/console-pages.test.ts
import { reasonsTable, routesOf } from "./advice-page.js";
import { type Html, html, link } from "./html.js";
import { table } from "./layout.js";
import type { Page } from "./page.js";
import { bytes, count, percent } from "./quantities.js";
import type { Sources } from "./sources.js";

export const modulesPage: Page = {
  name: "modules",
  title: "Modules",
  async show({ access, query, sources }) {
    const modules = Object.entries(await sources.modules(access));
    const marked = query.get("module");
    const own = access.own.length === 1 ? access.own[0] : undefined;
    const rows = modules.map(
      ([name, stats]) => html`<tr${name === marked && html` class="marked"`}><th scope="row">${
        own === undefined
          ? html`<a href="${link("modules", { module: name })}">${name}</a>`
          : html`<a href="${link("entries", { tenant: own, module: name })}">${name}</a>`
      }</th>
<td>${percent(stats.hitRatio)}</td><td>${count(stats.hits)}</td><td>${count(stats.misses)}</td><td>${count(stats.bypasses)}</td>
<td>${count(stats.sets)}</td><td>${count(stats.fenced)}</td><td>${count(stats.invalidations)}</td><td>${count(stats.quotaEvictions)}</td>
<td>${count(stats.alarms)}</td><td>${count(stats.entries)}</td><td>${bytes(stats.bytes)}</td></tr>`,
    );
    const heads = [
      "module",
      "hit ratio",
      "hits",
      "misses",
      "bypasses",
      "stored",
      "overtaken",
      "invalidations",
      "made room",
      "alarms",
      "entries",
      "size",
    ];
    return {
      content: html`<p>Counts are this process's since it began; entries and sizes are the store's.</p>
${access.seesAll && marked !== null && modules.some(([name]) => name === marked) && detail(marked, sources)}
${table("Modules", heads, rows, "No module has been asked for yet.")}`,
    };
  },
};

/** Why it does what it does: sums over tenants. */
function detail(module: string, { cache, engine }: Sources): Html {
  const routes = cache.advice().routes.filter((route) => route.module === module);
  return html`${reasonsTable(`Requests of ${module} that are not looked up`, engine.counters.reasonsOf(module))}
${routesOf(routes)}
<p><a href="${link("tail", { module })}">Its live tail</a></p>
<h2>All modules</h2>`;
}
