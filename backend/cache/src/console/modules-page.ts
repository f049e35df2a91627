// The page of modules: what was asked for, what was stored, what has invalidated it.
// Tests: test/integration/console-pages.test.ts
import { html, link } from "./html.js";
import { table } from "./layout.js";
import type { Page } from "./page.js";
import { bytes, count, percent } from "./quantities.js";

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
          ? name
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
${table("Modules", heads, rows, "No module has been asked for yet.")}`,
    };
  },
};
