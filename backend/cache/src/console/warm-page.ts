// The page of warm-ups: what can be warmed, what is under way, and what runs have done.
// Tests: test/integration/console-pages.test.ts
import { Refused } from "./form.js";
import { html } from "./html.js";
import { table, tokenField } from "./layout.js";
import type { Page } from "./page.js";
import { count, milliseconds, time } from "./quantities.js";

export const warmPage: Page = {
  name: "warm",
  title: "Warm-ups",
  isFor: (_access, { warmRuns }) => warmRuns !== undefined,
  async show({ access, sources, token }) {
    const { warmRuns } = sources;
    if (!warmRuns) return new Refused(404, "The app has no warmer.");
    const { runs, underWay } = warmRuns.seenBy(access);
    const rows = runs.map(
      (
        run,
      ) => html`<tr><th scope="row">${run.name}</th><td>${run.tenants?.join(", ") ?? "all"}</td><td>${run.by ?? "the app"}</td>
<td>${time(run.endedAtMs)}</td><td>${milliseconds(run.durationMs)}</td><td>${count(run.done - run.failed)} of ${count(run.total)}</td><td>${run.error}</td></tr>`,
    );
    const strategies = warmRuns.names.map(
      (name) =>
        html`<li><span>${name}</span>${
          access.mayWarm &&
          html`<form method="post" action="warm">${tokenField(token)}<input type="hidden" name="name" value="${name}"><button>Warm ${name}</button></form>`
        }</li>`,
    );
    return {
      content: html`<ul class="strategies">${strategies}</ul>
${underWay.map(
  ({ name, done, total }) =>
    html`<p role="status">${name}: <progress max="${Math.max(total, 1)}" value="${done}" aria-label="${name}"></progress> ${count(done)} of ${count(total)}</p>`,
)}
${table("Runs, the newest first", ["strategy", "tenants", "by", "ended", "took", "warm", "problem"], rows, "No run has ended since the console was first asked.")}`,
    };
  },
  async take({ access, sources }, form) {
    const { warmRuns } = sources;
    const name = form.get("name") ?? "";
    if (!warmRuns?.names.includes(name)) return new Refused(404, "There is no such warm-up.");
    if (!access.mayWarm) return new Refused(403, "You may not start warm-ups.");
    warmRuns.begin(name, access.seesAll ? undefined : access.own, access.name);
    return { goTo: "warm" };
  },
};
